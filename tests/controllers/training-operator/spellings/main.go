// The spellings of the kinds that training-operator serves.
package main

import (
	"fieldward.io/tests/controllers/spellings"
	kubeflow "github.com/kubeflow/training-operator/pkg/apis/kubeflow.org/v1"
)

func main() {
	spellings.Print(map[string]any{"MXJob": kubeflow.MXJob{}, "TFJob": kubeflow.TFJob{}, "PyTorchJob": kubeflow.PyTorchJob{}})
}
