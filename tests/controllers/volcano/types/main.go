// Command types prints the table of the types of a Volcano job, or pairs of their values.
package main

import (
	"fieldward.io/tests/controllers/spellings/types"
	volcano "volcano.sh/apis/pkg/apis/batch/v1alpha1"
)

func main() {
	types.Run(types.Module{
		Paths:   []string{"volcano.sh/apis"},
		Groups:  map[string]string{"volcano.sh/apis/pkg/apis/batch/v1alpha1": "batch.volcano.sh/v1alpha1"},
		Removed: []string{"PodSpec.workloadRef"},
		Roots:   []any{volcano.Job{}},
		Pairs:   []any{volcano.JobSpec{}},
	})
}
