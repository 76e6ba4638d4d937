# Docker Compose as a program of its own, at /docker-compose, where the public image docker/compose-bin has it too.
ARG DEBIAN_IMAGE=debian:bookworm-slim
FROM ${DEBIAN_IMAGE}
COPY docker-compose /docker-compose
