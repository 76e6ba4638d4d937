import { BUSYBOX_IMAGE } from '../images/busybox.ts';

/** A project that `docker compose up` runs, and what is to be looked at in its containers. */
export interface ComposeFile {
  /** What it shows, in words. */
  readonly title: string;
  /** Its folder; `compose.yaml` is among them. */
  readonly files: Readonly<Record<string, string>>;
  /** Permissions that matter, by file. */
  readonly modes?: Readonly<Record<string, number>>;
  /** Files in a service's containers whose content, owner and mode are to be the same. */
  readonly read?: Readonly<Record<string, readonly string[]>>;
  /** Names that a service's containers must be able to look up. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Further arguments of `up`, which both commands take. */
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Files as one finds them in public: each with what people use Compose for. Only the images are our own. */
export const COMPOSE_FILES: Readonly<Record<string, ComposeFile>> = {
  static: {
    title: 'a web server with its pages and its configuration bound from the project folder',
    files: {
      'compose.yaml': `
services:
  web:
    image: ${BUSYBOX_IMAGE}
    command: httpd -f -p 8080 -h /usr/share/www -c /etc/httpd.conf
    ports:
      - "8080"
    volumes:
      - ./html:/usr/share/www:ro
      - ./httpd.conf:/etc/httpd.conf:ro
    restart: unless-stopped
`,
      'html/index.html': '<h1>It works</h1>\n',
      'httpd.conf': 'I:index.html\n',
    },
    read: { web: ['/usr/share/www/index.html', '/etc/httpd.conf'] },
  },

  cache: {
    title: 'an application and a cache that keeps its data in a named volume',
    files: {
      'compose.yaml': `
services:
  app:
    image: ${BUSYBOX_IMAGE}
    command: ["sleep", "3600"]
    depends_on:
      cache:
        condition: service_healthy
    environment:
      CACHE_URL: tcp://cache:6379/0
  cache:
    image: ${BUSYBOX_IMAGE}
    command: sh -c 'echo $$GREETING > /data/greeting && exec nc -ll -p 6379 -e /bin/cat'
    environment:
      - GREETING=hello world
    expose:
      - 6379
    volumes:
      - data:/data
    healthcheck:
      test: ["CMD-SHELL", "test -s /data/greeting"]
      interval: 1s
      timeout: 3s
      retries: 5
volumes:
  data:
`,
    },
    read: { cache: ['/data/greeting'] },
    names: { app: ['cache'] },
  },

  environment: {
    title: 'variables from everywhere: .env, env_file, interpolation with defaults, the shell',
    files: {
      'compose.yaml': `
services:
  app:
    image: ${BUSYBOX_IMAGE}
    command: sleep 3600
    env_file:
      - base.env
      - path: optional.env
        required: false
    environment:
      FROM_DOTENV: \${TAG:-missing}
      WITH_DEFAULT: \${NOTHING:-fallback}
      REPLACED: \${TAG:+set}
      EMPTY: ""
      NUMBER: 42
      TRUE_AS_TEXT: "true"
      OVERRIDDEN: by the file
      MULTILINE: |
        one
        two
      DOLLAR: "$$HOME costs 5$$"
      FROM_SHELL:
`,
      '.env': 'TAG=v1\n',
      'base.env': `# a comment\nPLAIN=value\nQUOTED="with spaces # and a hash"\nSINGLE='\${TAG}'\nINTERPOLATED=\${TAG}-x\nOVERRIDDEN=by env_file\n`,
    },
    environment: { FROM_SHELL: 'inherited' },
  },

  secrets: {
    title: 'secrets and configs: from files, from a variable, inline, with and without a target',
    files: {
      'compose.yaml': `
services:
  app:
    image: ${BUSYBOX_IMAGE}
    command: sleep 3600
    secrets:
      - password
      - source: token
        target: /run/tokens/api
      - from_environment
    configs:
      - settings
      - source: inline
        target: /etc/inline.conf
        mode: 0440
secrets:
  password:
    file: ./password.txt
  token:
    file: ./token
  from_environment:
    environment: SECRET_VALUE
configs:
  settings:
    file: ./settings.json
  inline:
    content: |
      level = \${LEVEL:-info}
`,
      'password.txt': 'correct horse\n',
      token: 'abc',
      'settings.json': '{"a": 1}\n',
    },
    modes: { 'password.txt': 0o600, token: 0o644 },
    environment: { SECRET_VALUE: 'from the shell' },
    read: {
      app: [
        '/run/secrets/password',
        '/run/tokens/api',
        '/run/secrets/from_environment',
        '/settings',
        '/etc/inline.conf',
      ],
    },
  },

  build: {
    title: 'an image that is built from the file, with arguments and a target',
    files: {
      'compose.yaml': `
services:
  app:
    build:
      context: ./app
      target: final
      args:
        VERSION: "1.2"
      labels:
        maintainer: somebody
    environment:
      RUNTIME: "yes"
  sidekick:
    build: ./app
    entrypoint: ["sleep"]
    command: ["3600"]
`,
      'app/Dockerfile': `FROM ${BUSYBOX_IMAGE} AS base
ARG VERSION=0
ENV BUILT_VERSION=$VERSION
WORKDIR /srv
COPY message.txt ./
RUN echo "$VERSION" > version.txt
FROM base AS final
USER nobody
CMD ["sleep", "3600"]
`,
      'app/message.txt': 'copied\n',
    },
    read: { app: ['/srv/message.txt', '/srv/version.txt'], sidekick: ['/srv/version.txt'] },
  },

  networks: {
    title: 'a frontend and a backend network, aliases, hostnames, extra hosts',
    files: {
      'compose.yaml': `
services:
  proxy:
    image: ${BUSYBOX_IMAGE}
    hostname: edge
    container_name: parity-the-proxy
    command: sleep 3600
    networks: [front, back]
    extra_hosts:
      - "upstream.example:192.0.2.7"
      - other.example=192.0.2.8
    dns_search: corp.example
  api:
    image: ${BUSYBOX_IMAGE}
    command: sleep 3600
    networks:
      back:
        aliases: [rest, graphql.internal]
  db:
    image: ${BUSYBOX_IMAGE}
    command: sleep 3600
    networks: [back]
networks:
  front:
  back:
    internal: true
    ipam:
      config:
        - subnet: 10.213.77.0/24
`,
    },
    read: { proxy: ['/etc/hostname'] },
    names: {
      proxy: ['api', 'rest', 'graphql.internal', 'db', 'upstream.example', 'other.example'],
      api: ['db', 'proxy', 'parity-the-proxy'],
    },
  },

  hardened: {
    title: 'a hardened container: user, read-only root, tmpfs, limits, init, working folder',
    files: {
      'compose.yaml': `
services:
  worker:
    image: ${BUSYBOX_IMAGE}
    entrypoint: ["/bin/sh", "-c"]
    command: ["exec sleep 3600"]
    user: "1000:1000"
    group_add: ["2000"]
    working_dir: /work
    read_only: true
    init: true
    cap_drop: [ALL]
    tmpfs:
      - /scratch:size=8m,mode=1777
      - /run
    shm_size: 32mb
    ulimits:
      nofile: {soft: 2000, hard: 3000}
      nproc: 512
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 50
    stop_signal: SIGINT
    labels:
      team: platform
      com.example.level: "3"
    logging:
      driver: json-file
      options: {max-size: 1m, max-file: "2"}
`,
    },
  },

  extended: {
    title: 'extends, anchors, an override file and profiles',
    files: {
      'compose.yaml': `
x-defaults: &defaults
  image: ${BUSYBOX_IMAGE}
  environment: &environment
    LEVEL: info
services:
  base:
    <<: *defaults
    command: sleep 3600
  api:
    extends: {file: common.yaml, service: common}
    environment:
      <<: *environment
      ROLE: api
  debug:
    <<: *defaults
    profiles: [debug]
    command: sleep 3600
`,
      'compose.override.yaml': `
services:
  base:
    environment: {LEVEL: debug, EXTRA: "1"}
    volumes: ["./notes.txt:/notes.txt"]
`,
      'common.yaml': `
services:
  common:
    image: ${BUSYBOX_IMAGE}
    command: ["sh", "-c", "exec sleep 3600"]
    environment: {COMMON: "yes", LEVEL: warn}
`,
      'notes.txt': 'from the override\n',
    },
    read: { base: ['/notes.txt'] },
  },

  volumes: {
    title: 'volumes of all kinds, in the long and the short form, one filled from the image',
    files: {
      'compose.yaml': `
services:
  writer:
    image: ${BUSYBOX_IMAGE}
    command: sh -c "echo shared > /out/file && exec sleep 3600"
    volumes:
      - shared:/out
      - type: bind
        source: ./in
        target: /in
        read_only: true
      - type: tmpfs
        target: /fast
        tmpfs: {size: 4194304, mode: 0700}
      - /anonymous
      - ./made/by/compose:/made
  reader:
    image: ${BUSYBOX_IMAGE}
    command: sh -c "until test -s /from/file; do sleep 0.1; done; exec sleep 3600"
    depends_on: [writer]
    volumes:
      - {type: volume, source: shared, target: /from, read_only: true}
      - {type: volume, source: image, target: /etc, volume: {nocopy: false}}
volumes:
  shared: {}
  image: {name: parity-etc}
`,
      'in/data.csv': '1,2,3\n',
    },
    read: { writer: ['/in/data.csv', '/out/file'], reader: ['/from/file', '/etc/passwd'] },
  },

  replicas: {
    title: 'several replicas, resources under deploy, quoting in commands',
    files: {
      'compose.yaml': `
services:
  worker:
    image: ${BUSYBOX_IMAGE}
    command: >-
      sh -c 'printf "%s|" "a b" "$$1" c\\ d > /tmp/args; exec sleep 3600' worker 'it''s "quoted"'
    deploy:
      replicas: 3
      resources:
        limits: {cpus: "0.25", memory: 32M, pids: 40}
        reservations: {memory: 16M}
    scale: 3
    stop_grace_period: 1s
`,
    },
    read: { worker: ['/tmp/args'] },
  },
};
