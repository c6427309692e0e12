// Command types prints the table of the types of training-operator's jobs, or pairs of their values.
package main

import (
	"fieldward.io/tests/controllers/spellings/types"
	kubeflow "github.com/kubeflow/training-operator/pkg/apis/kubeflow.org/v1"
)

func main() {
	types.Run(types.Module{
		Paths:   []string{"github.com/kubeflow/training-operator"},
		Groups:  map[string]string{"github.com/kubeflow/training-operator/pkg/apis/kubeflow.org/v1": "kubeflow.org/v1"},
		Removed: []string{"PodResourceClaim.source"},
		Roots:   []any{kubeflow.MXJob{}, kubeflow.TFJob{}, kubeflow.PyTorchJob{}},
		Pairs:   []any{kubeflow.MXJobSpec{}, kubeflow.TFJobSpec{}, kubeflow.PyTorchJobSpec{}},
	})
}
