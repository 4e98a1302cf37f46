package inspect

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
)

// extSource is the extension key of the canonical file that names the image to pull.
const extSource = "x-cluster-source"

// blanks are the places of the canonical file that differ between two
// operations on one checkout. They are made from the digest of the checkout,
// which no file in it can contain.
type blanks struct{ seq, id string }

func newBlanks(digest [32]byte) blanks {
	h := hex.EncodeToString(digest[:16])
	return blanks{seq: "@seq" + h, id: "@id" + h}
}

// canonical is the file that Compose runs: the judged model with nothing left
// to interpolate, bound to the app, to an operation and to its lease.
func (j *judge) canonical(b blanks) ([]byte, error) {
	p := j.model.WithoutUnnecessaryResources()
	seal(reflect.ValueOf(p).Elem())
	p.Name = j.project
	ct := j.containers()
	for name, s := range p.Services {
		p.Services[name] = j.bound(s, ct[name], b)
	}
	for key, n := range p.Networks {
		if !n.External {
			n.Labels = n.Labels.Add(app.LabelApp, j.name)
		}
		p.Networks[key] = n
	}
	return write(p)
}

// bound ties a service to its container, image and lease.
func (j *judge) bound(s types.ServiceConfig, container string, b blanks) types.ServiceConfig {
	s.ContainerName = container
	s.EnvFiles = nil
	s.Labels = s.Labels.Add(app.LabelApp, j.name).Add(app.LabelSeq, b.seq).Add(app.LabelOperation, b.id)
	if s.Build == nil {
		s.Extensions = types.Extensions{extSource: s.Image}
	} else {
		s.Build.Labels = s.Build.Labels.Add(app.LabelApp, j.name)
	}
	s.Image = imageName(j.project, s.Name) + ":" + b.id
	s.PullPolicy = types.PullPolicyNever
	s.Volumes = append(s.Volumes, types.ServiceVolumeConfig{
		Type:     types.VolumeTypeBind,
		Source:   path.Join(app.LeaseRoot, j.project+"."+b.seq),
		Target:   leaseTarget,
		ReadOnly: true,
		Bind:     &types.ServiceVolumeBind{CreateHostPath: false},
	})
	return s
}

// seal doubles every dollar, so that Compose prints the same text again, and
// drops the x-… keys.
func seal(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() && strings.Contains(v.String(), "$") {
			v.SetString(strings.ReplaceAll(v.String(), "$", "$$"))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			seal(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			seal(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(k))
			seal(elem)
			v.SetMapIndex(k, elem)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch {
			case !f.IsExported():
			case f.Type == reflect.TypeFor[types.Extensions]():
				v.Field(i).SetZero()
			default:
				seal(v.Field(i))
			}
		}
	}
}

// stamp fills the blanks for one operation.
func (b blanks) stamp(file []byte, seq uint64, id string) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(file, []byte(b.seq), strconv.AppendUint(nil, seq, 10)), []byte(b.id), []byte(id))
}

// foldEnvironment puts the env files of each service into its environment, as
// Compose would, and drops the names that have no value: Compose would take
// those from whoever calls it.
func (j *judge) foldEnvironment(vars *variables) {
	for _, name := range j.order() {
		s := j.model.Services[name]
		env := map[string]string{}
		for i, f := range s.EnvFiles {
			j.envFile(fmt.Sprintf("services.%s.env_file[%d]", name, i), f, vars, env)
		}
		for k, v := range s.Environment {
			if delete(env, k); v != nil {
				env[k] = *v
			}
		}
		folded := types.MappingWithEquals{}
		for k, v := range env {
			if routing(k) {
				v = strings.ReplaceAll(v, "\r\n", "\n")
				v = containerIn.ReplaceAllLiteralString(v, j.containers()[name])
			}
			folded[k] = &v
		}
		s.Environment, s.EnvFiles = folded, nil
		if len(folded) == 0 {
			s.Environment = nil
		}
		if s.Build != nil {
			for k, v := range s.Build.Args {
				if v == nil {
					delete(s.Build.Args, k)
				}
			}
		}
		j.model.Services[name] = s
	}
}

func (j *judge) envFile(where string, f types.EnvFile, vars *variables, env map[string]string) {
	if !local(f.Path) {
		j.refuse(where, "%q is not a file inside the checkout", clip(f.Path))
		return
	}
	name := path.Clean(f.Path)
	content, ok := j.files[name]
	ok = ok && Wants(name)
	switch {
	case !ok && !bool(f.Required):
		return
	case !ok:
		j.reject(where, 0, "%q is not in the checkout (files called .env… or ….env are read, at most four levels deep)", clip(f.Path))
		return
	case f.Format != "" && f.Format != "raw":
		j.reject(where, 0, "the format %q is not known", clip(f.Format))
		return
	}
	list, err := settings(content)
	if err == nil && f.Format == "raw" {
		list = raw(content, list)
	}
	if err == nil {
		err = vars.apply(list, env)
	}
	if err != nil {
		j.fail(name, err)
	}
}

// raw takes the values as they stand in the file.
func raw(content []byte, list []setting) []setting {
	for i, s := range list {
		_, text, _ := strings.Cut(strings.TrimRight(string(content[s.start:s.end]), "\r\n"), "=")
		list[i].text, list[i].quote = text, '\''
	}
	return list
}
