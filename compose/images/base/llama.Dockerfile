# Stands in for llama.cpp's public server image where no image registry answers: Debian sid's build of the same program,
# under the path that the public image has it at.
ARG DEBIAN_IMAGE=debian:sid-slim
FROM ${DEBIAN_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends llama.cpp-tools \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && mkdir /app \
    && ln -s /usr/bin/llama-server /app/llama-server
ENTRYPOINT ["/app/llama-server"]
