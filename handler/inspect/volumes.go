package inspect

import (
	"reflect"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
)

// keyOf is the name between the first and the last part of a key path.
func keyOf(path string) string {
	_, rest, _ := strings.Cut(path, ".")
	if i := strings.LastIndex(rest, "."); i >= 0 {
		return rest[:i]
	}
	return rest
}

// volumeName: Compose fills in <project>_<key>; anything else would reach for
// a volume of somebody else.
func volumeName(j *judge, path string, v reflect.Value) {
	if want := j.app.Volume(keyOf(path)); v.String() != want {
		j.refuse(path, "%q is not this app's; leave the name out (the volume is called %s)", clip(v.String()), want)
	}
}

// volumeExternal: of a volume that is not made here nobody knows the driver,
// so neither whether its data moves with the app.
func volumeExternal(j *judge, path string, _ reflect.Value) {
	j.refuse(path, "is not allowed; leave it out and name the driver (the volume is called %s)", j.app.Volume(keyOf(path)))
}

func volumeDriver(j *judge, path string, v reflect.Value) {
	if d := v.String(); d != "local" && !j.replicated(d) {
		j.refuse(path, "%q is not a driver of the cluster; use %s or leave it out", clip(d), strings.Join(j.drivers, ", "))
	}
}

// replicated reports that a driver is Buttervolume, with ":latest" or without.
func (j *judge) replicated(driver string) bool {
	for _, d := range j.drivers {
		if d = plainDriver(d); d != "" && d == plainDriver(driver) {
			return true
		}
	}
	return false
}

func plainDriver(d string) string { return strings.TrimSuffix(strings.TrimSpace(d), ":latest") }

// volumeOptions: those of the local driver can mount any path of the host.
func volumeOptions(j *judge, path string, v reflect.Value) {
	driver := j.model.Volumes[keyOf(path)].Driver
	for _, k := range sorted(v.Interface().(types.Options)) {
		if !j.replicated(driver) || k != "copyonwrite" && k != "compression" {
			j.refuse(child(path, k), "is not allowed; only Buttervolume's copyonwrite and compression are")
		}
	}
}

func volumeLabels(j *judge, path string, v reflect.Value) {
	rest := types.Labels{}
	for k, val := range v.Interface().(types.Labels) {
		if k != app.LabelNonMigrable {
			rest[k] = val
		}
	}
	labels(j, path, reflect.ValueOf(rest))
}

// volumes lists the volumes that services use; Compose makes no others.
func (j *judge) volumes() []app.Volume {
	used := map[string]bool{}
	for _, s := range j.model.Services {
		for _, m := range s.Volumes {
			if m.Type == types.VolumeTypeVolume {
				used[m.Source] = true
			}
		}
	}
	var list []app.Volume
	for _, key := range sorted(j.model.Volumes) {
		v := j.model.Volumes[key]
		if !used[key] {
			j.warn("volumes.%s is used by no service; it is left out", key)
			continue
		}
		if v.External {
			continue // granted by the operator, not ours
		}
		mark := strings.ToLower(v.Labels[app.LabelNonMigrable])
		list = append(list, app.Volume{
			Key: key, Name: v.Name, Driver: v.Driver, Replicated: j.replicated(v.Driver), NonMigrable: mark == "true" || mark == "1",
		})
	}
	if len(list) > maxVolumes {
		j.reject("volumes", 0, "has %d volumes; at most %d are allowed", len(list), maxVolumes)
	}
	return list
}
