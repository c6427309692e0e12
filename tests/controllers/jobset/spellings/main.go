// Command spellings prints how typed clients respell a JobSet. Its argument is the file of the CustomResourceDefinition.
package main

import (
	_ "embed"
	"os"

	"fieldward.io/tests/controllers/spellings"
	jobset "sigs.k8s.io/jobset/api/jobset/v1alpha2"
)

//go:embed base.json
var base []byte

func main() {
	spellings.Print(spellings.Kind{
		Type:       &jobset.JobSet{},
		Base:       base,
		Definition: os.Args[1],
		Version:    "v1alpha2",
		// A type of Kubernetes.
		Skip: []string{"/spec/replicatedJobs/0/template"},
	})
}
