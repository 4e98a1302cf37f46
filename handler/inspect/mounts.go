package inspect

import (
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
)

// leaseTarget is where every container sees its lease file.
const leaseTarget = "/run/cluster.lease"

// bind is a path of the checkout that a container or Docker itself opens.
type bind struct {
	where  string // key path
	source string // clean, relative
	write  bool
}

// mountRule judges one mount of a service.
func mountRule(j *judge, path string, v reflect.Value) {
	m := v.Interface().(types.ServiceVolumeConfig)
	j.target(path, m.Target)
	switch m.Type {
	case types.VolumeTypeBind:
		j.bindSource(path, m)
	case types.VolumeTypeVolume:
		if m.Source == "" {
			j.refuse(path, "has no name, so its data would be lost at the next move; name a volume, or use tmpfs")
		}
	case types.VolumeTypeTmpfs:
	default:
		j.refuse(path+".type", "%q is not allowed; use volume, bind or tmpfs", clip(m.Type))
	}
	j.fields(path, "services.*.volumes[]", v)
}

// target refuses mounts that would hide the lease file.
func (j *judge) target(where, target string) {
	clean := path.Clean(target)
	if !path.IsAbs(target) || clean == "/" || clean == leaseTarget || strings.HasPrefix(clean, leaseTarget+"/") || strings.ContainsAny(target, "\n\r\x00") {
		j.reject(where, 0, "%q is not a place to mount at", clip(target))
	}
}

func (j *judge) bindSource(where string, m types.ServiceVolumeConfig) {
	if !local(m.Source) {
		j.refuse(where, "%q is not a path inside the checkout; use a relative path or a named volume", clip(m.Source))
		return
	}
	b := bind{where: where, source: path.Clean(m.Source), write: !m.ReadOnly}
	switch {
	case b.source == app.CanonicalFile:
		j.reject(where, 0, "is the file that the handler runs; it may not be mounted")
	case b.write && steers(b.source):
		j.refuse(where, "%q steers what the handler runs; mount it read-only (:ro) or mount a folder below it", clip(m.Source))
	}
	j.binds = append(j.binds, b)
}

// steers names the paths of a checkout that the handler acts on.
func steers(source string) bool {
	first, _, _ := strings.Cut(source, "/")
	switch first {
	case ".", ".git", ".env", "service.json", "update.sh", "post_migrate.sh":
		return true
	}
	return slices.Contains(composeNames(), first)
}

// below refuses a path of the checkout under a folder that a container may
// write: it could put a link there, and Docker would follow it on the host.
func (j *judge) below() {
	for _, b := range j.binds {
		for _, w := range j.binds {
			if w.write && (strings.HasPrefix(b.source, w.source+"/") || w.source == "." && b.source != ".") {
				j.refuse(b.where, "%q lies in %q, which a container may write; mount them side by side", clip(b.source), clip(w.source))
			}
		}
	}
}

// fileRule is the file of a secret or a config: Docker mounts it from the checkout.
func fileRule(j *judge, where string, v reflect.Value) {
	file := v.String()
	if !local(file) || path.Clean(file) == app.CanonicalFile {
		j.refuse(where, "%q is not a file inside the checkout", clip(file))
		return
	}
	j.binds = append(j.binds, bind{where: where, source: path.Clean(file)})
}

// fileName refuses a secret or config under a name that is not the project's.
func fileName(j *judge, where string, v reflect.Value) {
	parts := strings.Split(where, ".")
	if v.String() != j.project+"_"+strings.Join(parts[1:len(parts)-1], ".") {
		j.refuse(where, "is not allowed; leave the name out")
	}
}

func tmpfs(j *judge, where string, v reflect.Value) {
	for _, t := range v.Interface().(types.StringList) {
		target, _, _ := strings.Cut(t, ":")
		j.target(where, target)
	}
}

// secretTargets and configTargets: Docker mounts these files as well.
func secretTargets(j *judge, where string, v reflect.Value) {
	for i, s := range v.Interface().([]types.ServiceSecretConfig) {
		j.fileTarget(where+"["+strconv.Itoa(i)+"]", "/run/secrets", s.Target)
	}
}

func configTargets(j *judge, where string, v reflect.Value) {
	for i, c := range v.Interface().([]types.ServiceConfigObjConfig) {
		j.fileTarget(where+"["+strconv.Itoa(i)+"]", "/", c.Target)
	}
}

func (j *judge) fileTarget(where, root, target string) {
	if target == "" {
		return
	}
	if !path.IsAbs(target) {
		target = path.Join(root, target)
	}
	j.target(where, target)
}
