FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG REVISION=unknown
ARG BRANCH=unknown
RUN make build REVISION=$REVISION BRANCH=$BRANCH

FROM scratch
COPY --from=build /src/smtp_reply_exporter /smtp_reply_exporter
# nobody; to read the host's mail log it needs that log's group (--group-add).
USER 65534:65534
EXPOSE 10451
ENTRYPOINT ["/smtp_reply_exporter"]
