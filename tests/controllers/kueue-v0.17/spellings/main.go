// Command spellings prints how Kueue respells a TrainJob, which it writes back as a whole. Its argument is the file of the
// CustomResourceDefinition.
package main

import (
	_ "embed"
	"os"

	"fieldward.io/tests/controllers/spellings"
	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
)

//go:embed trainjob.json
var base []byte

func main() {
	const pod = "/spec/runtimePatches/0/trainingRuntimeSpec/template/spec/replicatedJobs/0/template/spec/template"
	spellings.Print(spellings.Kind{
		Type:       &trainer.TrainJob{},
		Base:       base,
		Definition: os.Args[1],
		Version:    "v1alpha1",
		// Types of Kubernetes.
		Skip: []string{
			"/spec/initializer/dataset/env/0",
			"/spec/initializer/dataset/secretRef",
			"/spec/initializer/model/env/0",
			"/spec/initializer/model/secretRef",
			"/spec/trainer/env/0",
			"/spec/trainer/resourcesPerNode",
			"/spec/runtimePatches/0/trainingRuntimeSpec/template/metadata",
			"/spec/runtimePatches/0/trainingRuntimeSpec/template/spec/replicatedJobs/0/template/metadata",
			pod + "/metadata",
			pod + "/spec/affinity",
			pod + "/spec/securityContext",
			pod + "/spec/tolerations/0",
			pod + "/spec/volumes/0",
			pod + "/spec/initContainers/0/env/0",
			pod + "/spec/initContainers/0/securityContext",
			pod + "/spec/initContainers/0/volumeMounts/0",
			pod + "/spec/containers/0/env/0",
			pod + "/spec/containers/0/securityContext",
			pod + "/spec/containers/0/volumeMounts/0",
			pod + "/spec/schedulingGates/0",
			pod + "/spec/imagePullSecrets/0",
		},
	})
}
