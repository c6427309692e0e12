// Command spellings prints how typed clients respell a RayJob. Its argument is the file of the CustomResourceDefinition.
package main

import (
	_ "embed"
	"os"

	"fieldward.io/tests/controllers/spellings"
	ray "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
)

//go:embed base.json
var base []byte

func main() {
	spellings.Print(spellings.Kind{
		Type:       &ray.RayJob{},
		Base:       base,
		Definition: os.Args[1],
		Version:    "v1",
		// Types of Kubernetes.
		Skip: []string{
			"/spec/submitterPodTemplate",
			"/spec/rayClusterSpec/headGroupSpec/template",
			"/spec/rayClusterSpec/headGroupSpec/headService",
			"/spec/rayClusterSpec/workerGroupSpecs/0/template",
			"/spec/rayClusterSpec/autoscalerOptions/resources",
			"/spec/rayClusterSpec/autoscalerOptions/securityContext",
			"/spec/rayClusterSpec/autoscalerOptions/env/0",
			"/spec/rayClusterSpec/autoscalerOptions/envFrom/0",
			"/spec/rayClusterSpec/autoscalerOptions/volumeMounts/0",
			"/spec/rayClusterSpec/gcsFaultToleranceOptions/redisUsername/valueFrom",
			"/spec/rayClusterSpec/gcsFaultToleranceOptions/redisPassword/valueFrom",
		},
	})
}
