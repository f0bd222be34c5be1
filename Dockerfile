# syntax=docker/dockerfile:1
# The service in an image: built with the Swift runtime inside the program, run by nobody on a slim Debian.
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libsqlite3-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies change seldom: they are fetched before the sources come.
COPY Package.swift Package.resolved* ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
COPY migrations migrations
# Said by `greenroom --version`; make image hands it in.
ARG GREENROOM_COMMIT=unknown
RUN GREENROOM_COMMIT=$GREENROOM_COMMIT swift build -c release --product greenroom --static-swift-stdlib -Xlinker -s \
    && install -D -m 0755 .build/release/greenroom /out/greenroom

FROM debian:bookworm-slim
# SQLite, libxml2 (answers of object stores), authorities for TLS, and the zones that schedules name.
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libsqlite3-0 libxml2 libstdc++6 ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/greenroom
COPY --from=build /out/greenroom /usr/local/bin/greenroom
COPY deploy/image/greenroom.yaml /etc/greenroom/greenroom.yaml
USER 65532:65532
WORKDIR /var/lib/greenroom
VOLUME /var/lib/greenroom
# The port of /etc/greenroom/greenroom.yaml. Another configuration opens others (deploy/base: 8443, 6443, 9443).
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/greenroom"]
CMD ["serve", "--config", "/etc/greenroom/greenroom.yaml"]
