// Command types prints the table of the types of a RayJob, or pairs of their values.
package main

import (
	"fieldward.io/tests/controllers/spellings/types"
	ray "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
)

func main() {
	types.Run(types.Module{
		Paths:  []string{"github.com/ray-project/kuberay/ray-operator"},
		Groups: map[string]string{"github.com/ray-project/kuberay/ray-operator/apis/ray/v1": "ray.io/v1"},
		Roots:  []any{ray.RayJob{}},
		Pairs:  []any{ray.RayJobSpec{}},
	})
}
