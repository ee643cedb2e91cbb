# Two stages on one base: the first makes the package and installs it where a compiler is at hand (ssh2 has a native
# part, which is optional and faster), the second holds only what it takes to run.

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
# Of the whole file system only /state and STATIC_ROOT are written to, so --read-only is fine.
RUN mkdir -p /state /site && chown node:node /state
ENV PATH=/opt/pushstatic/bin:$PATH XDG_STATE_HOME=/state
VOLUME /state
# The project: mount the folder of pushstatic.yaml here.
WORKDIR /site
USER node
STOPSIGNAL SIGTERM
ENTRYPOINT ["pushstatic"]
CMD ["sync"]
