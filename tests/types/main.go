// Command types prints the table of Kubernetes' own types, or pairs of their values.
package main

import (
	"reflect"

	"fieldward.io/tests/controllers/spellings/types"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func main() {
	types.Run(types.Module{
		Paths: []string{"k8s.io/api", "k8s.io/apimachinery"},
		Roots: kinds(),
		// The head of a RayCluster has one.
		Whole: []any{core.Service{}},
		Pairs: []any{core.PodTemplateSpec{}, core.PersistentVolumeClaimSpec{}, batch.JobSpec{}},
	})
}

// kinds has an object of each kind of these groups.
func kinds() []any {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(
		apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme)
	if err := builder.AddToScheme(scheme); err != nil {
		panic(err)
	}
	var found []any
	for _, t := range scheme.AllKnownTypes() {
		if object := reflect.New(t); object.Type().Implements(reflect.TypeFor[meta.ObjectMetaAccessor]()) {
			found = append(found, object.Elem().Interface())
		}
	}
	return found
}
