// Command trainer prints the table of the types of a TrainJob, or pairs of their values.
package main

import (
	"fieldward.io/tests/controllers/spellings/types"
	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
)

func main() {
	types.Run(types.Module{
		Paths:   []string{"github.com/kubeflow/trainer/v2"},
		Groups:  map[string]string{"github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1": "trainer.kubeflow.org/v1alpha1"},
		Removed: []string{"PodSpec.workloadRef"},
		Roots:   []any{trainer.TrainJob{}},
		Pairs:   []any{trainer.TrainJobSpec{}},
	})
}
