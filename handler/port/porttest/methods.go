package porttest

import (
	"reflect"
	"slices"

	"github.com/mlfmonde/cluster/handler/port"
)

// Methods lists every method of every port that a handler reaches, as
// "Port.Method", sorted. Each must have a clause.
func Methods() []string {
	var methods []string
	world := reflect.TypeFor[port.World]()
	for i := range world.NumField() {
		t := world.Field(i).Type
		if t.Kind() != reflect.Interface {
			continue
		}
		for j := range t.NumMethod() {
			methods = append(methods, t.Name()+"."+t.Method(j).Name)
		}
	}
	slices.Sort(methods)
	return methods
}
