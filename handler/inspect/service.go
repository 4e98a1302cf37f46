package inspect

import (
	"cmp"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/mlfmonde/cluster/handler/app"
	"github.com/mlfmonde/cluster/handler/edge/haproxy"
)

// imageName is the part of the image's name that comes from a service.
func imageName(project, service string) string { return project + "-" + strings.ToLower(service) }

var (
	serviceOK   = regexp.MustCompile(`^[A-Za-z0-9]+((\.|_|__|-+)[A-Za-z0-9]+)*$`)
	imageOK     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)
	containerOK = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{1,127}$`)
	restartOK   = regexp.MustCompile(`^(no|always|unless-stopped|on-failure(:\d{1,4})?)$`)
)

// serviceName: the name becomes part of the names of an image and a container.
func (j *judge) serviceName(path, name string) {
	if !serviceOK.MatchString(name) || len(name) > 60 {
		j.reject(path, 0, "is not a name for a service (letters, digits and single . _ - between them, at most 60)")
	}
	for other := range j.model.Services {
		if other < name && strings.EqualFold(other, name) {
			j.reject(path, 0, "differs from service %s only by upper and lower case; their images would have one name", other)
		}
	}
}

func image(j *judge, path string, v reflect.Value) {
	if !imageOK.MatchString(v.String()) {
		j.reject(path, 0, "%q is not the name of an image", clip(v.String()))
	}
}

func restart(j *judge, path string, v reflect.Value) {
	if !restartOK.MatchString(v.String()) {
		j.refuse(path, "%q is not allowed; use no, always, unless-stopped or on-failure", clip(v.String()))
	}
}

func containerName(j *judge, path string, v reflect.Value) {
	name := v.String()
	if !containerOK.MatchString(name) {
		j.reject(path, 0, "%q is not a name for a container", clip(name))
	}
	for other, s := range j.model.Services {
		if other != j.service && (s.ContainerName == name || s.ContainerName == "" && j.app.Container(other) == name) {
			j.reject(path, 0, "is the container of service %s too", other)
		}
	}
}

// once refuses copies: the record names one container for each service.
func once(j *judge, path string, v reflect.Value) {
	if n, ok := v.Interface().(*int); ok && *n != 1 {
		j.refuse(path, "asks for %d copies; a service has one container", *n)
	}
}

// labels refuses the prefixes by which the handler and Compose know their own.
func labels(j *judge, path string, v reflect.Value) {
	for _, k := range sorted(v.Interface().(types.Labels)) {
		if strings.HasPrefix(k, labelPrefix) || strings.HasPrefix(k, "com.docker.compose.") {
			j.reject(child(path, k), 0, "belongs to the cluster or to Compose; choose another label")
		}
	}
}

var labelPrefix = strings.TrimSuffix(app.LabelApp, "app")

func links(j *judge, path string, v reflect.Value) {
	for i, l := range v.Interface().([]string) {
		if name, _, _ := strings.Cut(l, ":"); j.model.Services[name].Name == "" {
			j.refuse(path+"["+strconv.Itoa(i)+"]", "%q is not a service of this file", clip(name))
		}
	}
}

func logOptions(j *judge, path string, v reflect.Value) {
	for _, k := range sorted(v.Interface().(types.Options)) {
		switch k {
		case "max-size", "max-file", "compress", "mode", "max-buffer-size", "tag", "labels", "env":
		default:
			j.refuse(child(path, k), "is not allowed; use max-size, max-file, compress, mode, max-buffer-size, tag, labels or env")
		}
	}
}

// securityOpt accepts the one option that takes rights away.
func securityOpt(j *judge, path string, v reflect.Value) {
	for i, opt := range v.Interface().([]string) {
		switch opt {
		case "no-new-privileges", "no-new-privileges:true", "no-new-privileges=true":
		default:
			j.refuse(path+"["+strconv.Itoa(i)+"]", "%q is not allowed; only no-new-privileges:true is", clip(opt))
		}
	}
}

func buildContext(j *judge, path string, v reflect.Value) {
	if c := v.String(); !local(c) {
		j.refuse(path, "%q is not a folder inside the checkout", clip(c))
	}
}

// dockerfile is relative to the build's context.
func (j *judge) dockerfile(where string, b *types.BuildConfig) {
	context := cmp.Or(b.Context, ".")
	if b.Dockerfile != "" && local(context) && (path.IsAbs(b.Dockerfile) || !local(path.Join(context, b.Dockerfile))) {
		j.refuse(where, "%q is not a file inside the checkout", clip(b.Dockerfile))
	}
}

// taken are the ports that every node uses itself.
func taken(port int) string { return haproxy.Taken(port) }

// portRule judges one published port or range.
func portRule(j *judge, path string, v reflect.Value) {
	j.fields(path, "services.*.ports[]", v)
	p := v.Interface().(types.ServicePortConfig)
	if p.Published == "" {
		return
	}
	from, to, ok := portSpan(p.Published)
	if !ok {
		j.refuse(path, "%q is not a port or a range of at most %d ports", clip(p.Published), maxPorts)
		return
	}
	for n := from; n <= to; n++ {
		if who := taken(n); who != "" {
			j.refuse(path, "port %d is used by %s on every node; publish another one, or let HAProxy route to the service", n, who)
			return
		}
	}
}

// portSpan reads "8080" or "8080-8090".
func portSpan(s string) (from, to int, ok bool) {
	a, b, ranged := strings.Cut(s, "-")
	from, err := strconv.Atoi(a)
	if to = from; ranged && err == nil {
		to, err = strconv.Atoi(b)
	}
	return from, to, err == nil && from >= 0 && from <= to && to < 1<<16 && to-from <= maxPorts
}

// containers says which container each service has.
func (j *judge) containers() map[string]string {
	ct := map[string]string{}
	for name, s := range j.model.Services {
		if ct[name] = s.ContainerName; s.ContainerName == "" {
			ct[name] = j.app.Container(name)
		}
	}
	return ct
}

// order lists the services as the file has them.
func (j *judge) order() []string {
	var names []string
	for _, name := range j.doc.keys["services"] {
		if _, ok := j.model.Services[name]; ok {
			names = append(names, name)
		}
	}
	for _, name := range sorted(j.model.Services) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
