// Command spellings prints how Volcano's typed client respells a job. Its argument is the file of the CustomResourceDefinition.
package main

import (
	_ "embed"
	"os"

	"fieldward.io/tests/controllers/spellings"
	"volcano.sh/apis/pkg/apis/batch/v1alpha1"
)

//go:embed base.json
var base []byte

func main() {
	spellings.Print(spellings.Kind{
		Type:       &v1alpha1.Job{},
		Base:       base,
		Definition: os.Args[1],
		Version:    "v1alpha1",
		// Every update of a template is permitted.
		Skip: []string{"/spec/tasks/0/template"},
	})
}
