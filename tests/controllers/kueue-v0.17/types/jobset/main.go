// Command jobset prints the table of the types of a JobSet, or pairs of their values.
package main

import (
	"fieldward.io/tests/controllers/spellings/types"
	jobset "sigs.k8s.io/jobset/api/jobset/v1alpha2"
)

func main() {
	types.Run(types.Module{
		Paths:   []string{"sigs.k8s.io/jobset"},
		Groups:  map[string]string{"sigs.k8s.io/jobset/api/jobset/v1alpha2": "jobset.x-k8s.io/v1alpha2"},
		Removed: []string{"PodSpec.workloadRef"},
		Roots:   []any{jobset.JobSet{}},
		Pairs:   []any{jobset.JobSetSpec{}},
	})
}
