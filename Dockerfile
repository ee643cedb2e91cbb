# Two stages on one base: the first makes the package and installs it where a compiler is at hand (ssh2 has a native
# part, which is optional and faster), the second holds only what it takes to run.
#
# The background service, on a build box where the project lies in the working folder:
#
#   docker build -t pushstatic .
#   docker run -d --name pushstatic --init --read-only --tmpfs /tmp --restart on-failure --user "$(id -u):$(id -g)" \
#     -v "$PWD":/site:ro -v pushstatic-static:/static -v pushstatic-state:/state pushstatic
#
# The project says "site: ..." (the folder is /site for every project here) and "static: { root: /static }"; else STATIC_ROOT lies in it, and it is not mounted with :ro. One sync, as
# a step of a build, is the same with "--rm" and "pushstatic sync". Keys and known hosts are files to mount as well,
# and the image has no Python: the sources are listed by hand.
# "docker exec pushstatic pushstatic status" asks the service; "docker kill -s HUP pushstatic" makes it read its
# configuration again. The status page is for this container alone unless the configuration says "daemon: { http:
# 0.0.0.0:8873 }" and how to prove who asks; then "-p 127.0.0.1:8873:8873" shows it to the host. --init ends what a hook
# leaves behind.

FROM node:24-bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 make g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json README.md LICENSE CHANGELOG.md ./
COPY config ./config
COPY src ./src
# The prepare script builds dist.
RUN npm pack --no-audit --no-fund
RUN npm install --global --prefix /opt/pushstatic --no-audit --no-fund ./pushstatic-*.tgz

FROM node:24-bookworm-slim
# "ssh -G" reads an ssh_config with all that OpenSSH knows. Without it pushstatic reads the file itself, without Include.
RUN apt-get update \
 && apt-get install -y --no-install-recommends openssh-client \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/pushstatic /opt/pushstatic
# Of the whole file system only these are written to, so --read-only is fine; and by whoever --user says.
RUN install -d -m 1777 /site /state /static /run/pushstatic
ENV PATH=/opt/pushstatic/bin:$PATH XDG_STATE_HOME=/state XDG_RUNTIME_DIR=/run/pushstatic
VOLUME /state /static /run/pushstatic
# The project: mount the folder of pushstatic.yaml here.
WORKDIR /site
USER node
EXPOSE 8873
STOPSIGNAL SIGTERM
# A first start collects and sends everything.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10m CMD ["pushstatic", "healthcheck"]
ENTRYPOINT ["pushstatic"]
CMD ["daemon"]
