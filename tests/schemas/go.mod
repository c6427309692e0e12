module fieldward.io/tests/schemas

go 1.24

require (
	github.com/kubeflow/trainer/v2 v2.2.0
	github.com/kubeflow/training-operator v1.8.1
	github.com/ray-project/kuberay/ray-operator v1.4.2
	sigs.k8s.io/jobset v0.11.1
)
