// Command spellings prints how typed clients respell a job of training-operator. Its arguments are the file of the CustomResourceDefinition and the
// kind.
package main

import (
	"embed"
	"os"
	"strings"

	"fieldward.io/tests/controllers/spellings"
	kubeflow "github.com/kubeflow/training-operator/pkg/apis/kubeflow.org/v1"
)

//go:embed *.json
var bases embed.FS

var types = map[string]any{"MXJob": &kubeflow.MXJob{}, "TFJob": &kubeflow.TFJob{}, "PyTorchJob": &kubeflow.PyTorchJob{}}

func main() {
	kind := os.Args[2]
	base, err := bases.ReadFile(strings.ToLower(kind) + ".json")
	if err != nil {
		panic(err)
	}
	spellings.Print(spellings.Kind{
		Type:       types[kind],
		Base:       base,
		Definition: os.Args[1],
		Version:    "v1",
		// Nobody writes these back as a whole: the operator writes status alone, and Kueue patches single fields.
		Skip: []string{
			"/spec/mxReplicaSpecs/Worker/template",
			"/spec/tfReplicaSpecs/Worker/template",
			"/spec/pytorchReplicaSpecs/Worker/template",
			"/spec/elasticPolicy/metrics/0",
		},
	})
}
