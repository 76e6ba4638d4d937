# Stands in for the public Consul image where no image registry answers. The build context holds `consul`, the binary that
# set-up found or fetched. Takes the same arguments as the public image: `agent -dev -client 0.0.0.0`.
ARG DEBIAN_IMAGE=debian:bookworm-slim
FROM ${DEBIAN_IMAGE}
COPY consul /usr/local/bin/consul
EXPOSE 8300 8301 8301/udp 8302 8302/udp 8500 8600 8600/udp
ENTRYPOINT ["consul"]
CMD ["agent", "-dev", "-client", "0.0.0.0"]
