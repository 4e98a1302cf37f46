package inspect

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
)

// This test is inside the package because it has to hand the walk a model that
// Compose's schema would never let through: one for every field there is.

// leaf is one field of the model, filled with something that is not nothing.
type leaf struct {
	path  string // key path with names replaced, as in the table of rules
	model *types.Project
}

// leaves makes a model for every field that can be reached from a project.
func leaves() []leaf {
	var list []leaf
	collect(reflect.TypeFor[types.Project](), "", 0, func(path string, build func() reflect.Value) {
		v := build()
		p := v.Interface().(types.Project)
		list = append(list, leaf{path: path, model: &p})
	})
	return list
}

// collect calls yield for each leaf below t; build makes a t with only that leaf set.
func collect(t reflect.Type, path string, depth int, yield func(path string, build func() reflect.Value)) {
	wrap := func(inner reflect.Type, path string, into func(outer, elem reflect.Value)) {
		collect(inner, path, depth+1, func(path string, build func() reflect.Value) {
			yield(path, func() reflect.Value {
				outer := reflect.New(t).Elem()
				into(outer, build())
				return outer
			})
		})
	}
	switch {
	case depth > 14 || t == reflect.TypeFor[types.Extensions]():
	case t.Kind() == reflect.Pointer:
		wrap(t.Elem(), path, func(outer, elem reflect.Value) { outer.Set(reflect.New(t.Elem())); outer.Elem().Set(elem) })
	case t.Kind() == reflect.Slice:
		wrap(t.Elem(), path+"[]", func(outer, elem reflect.Value) { outer.Set(reflect.Append(outer, elem)) })
	case t.Kind() == reflect.Map:
		wrap(t.Elem(), child(path, "*"), func(outer, elem reflect.Value) {
			outer.Set(reflect.MakeMap(t))
			outer.SetMapIndex(reflect.ValueOf("x").Convert(t.Key()), elem)
		})
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			p := path
			if !f.Anonymous {
				if key == "" || key == "-" {
					key = f.Name
				}
				p = child(path, key)
			}
			wrap(f.Type, p, func(outer, elem reflect.Value) { outer.Field(i).Set(elem) })
		}
	default:
		yield(path, func() reflect.Value { return some(t) })
	}
}

// some is a value of a plain type that is neither zero nor harmless.
func some(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.String:
		v.SetString("/etc/hostile\n")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(7)
	case reflect.Interface:
		v.Set(reflect.ValueOf("/etc/hostile"))
	}
	return v
}

// Every field of Compose's model is either in testdata/allowed.txt or refused.
// A version of compose-go with a new field changes nothing here: the field is
// refused until a rule and a line of that file allow it.
func TestWalk_RefusesEveryFieldWithoutARule(t *testing.T) {
	all := leaves()
	if len(all) < 600 {
		t.Fatalf("only %d fields were reached", len(all))
	}
	services := 0
	var accepted []string
	for _, l := range all {
		if strings.HasPrefix(l.path, "DisabledServices") {
			continue // left out of what runs, whatever they say
		}
		if strings.HasPrefix(l.path, "services.*") {
			services++
		}
		j := &judge{app: app.App{Repo: "https://git.example.com/team/shop", Branch: "master"}, project: "shop", rules: allowed(), model: l.model,
			drivers: []string{"ccomb/buttervolume"}, doc: &document{lines: map[string]int{}}}
		j.walk("", "", reflect.ValueOf(l.model))
		if len(j.refused) == 0 && !slices.Contains(accepted, l.path) {
			accepted = append(accepted, l.path)
		}
	}
	t.Logf("%d fields, %d of them of a service; %d accepted with a hostile value", len(all), services, len(accepted))
	slices.Sort(accepted)
	want, err := os.ReadFile("testdata/allowed.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(accepted, "\n") + "\n"
	if got != string(want) {
		t.Errorf("the fields that may hold anything are now:\n%s", got)
	}
}

// Each rule is about a field that there is: a rule for a misspelt key would
// never be asked.
func TestAllowed_NamesRealFields(t *testing.T) {
	paths := map[string]bool{}
	for _, l := range leaves() {
		for p := l.path; p != ""; {
			paths[p] = true
			i := max(strings.LastIndexByte(p, '.'), strings.LastIndexByte(p, '['))
			p = p[:max(i, 0)]
		}
	}
	for pattern := range allowed() {
		if !paths[pattern] {
			t.Errorf("%s is not a field of Compose's model", pattern)
		}
	}
	if !paths["services.*.use_api_socket"] {
		t.Error(fmt.Sprint("the list of fields lacks services.*.use_api_socket: ", len(paths)))
	}
}
