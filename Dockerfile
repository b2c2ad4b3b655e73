# The chat node: npm parts of the page, a release build, and an image without a shell.
# Needs BuildKit. There is no `# syntax=` line, so no frontend image must be pulled.

# --- the page's npm parts ----------------------------------------------------
FROM node:24-bookworm-slim AS ui
WORKDIR /ui
COPY package.json package-lock.json vendor.mjs ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY static/ static/
RUN npm run ui

# --- the binary --------------------------------------------------------------
FROM rust:1.95-bookworm AS build
WORKDIR /src
# Cargo features; the project's own tests use `failpoints`.
ARG FEATURES=""
# Build the dependencies first, with an empty crate: the layer is cached until a manifest changes,
# so a change in src/ compiles one crate only. The load generator and the benchmark are not built
# here, but Cargo needs their manifests and source files to exist.
COPY Cargo.toml Cargo.lock ./
COPY loadtest/checker/Cargo.toml loadtest/checker/
COPY loadtest/compare/Cargo.toml loadtest/compare/
RUN mkdir -p src loadtest/checker/src loadtest/compare/src/bin \
 && touch loadtest/checker/src/lib.rs loadtest/compare/src/main.rs loadtest/compare/src/bin/floor.rs loadtest/compare/src/bin/plain.rs \
 && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && cargo build --release --locked --features "$FEATURES" \
 && rm -r src
COPY build.rs ./
COPY src/ src/
COPY --from=ui /ui/static/ static/
# The commit that `chorus --version` prints; last, because it changes most often.
ARG CHORUS_COMMIT=""
# Cargo compares file times, and the checkout may be older than the layer above. Without the
# touch, Cargo would reuse the empty crate.
RUN find src -type f -exec touch {} + \
 && CHORUS_COMMIT="$CHORUS_COMMIT" cargo build --release --locked --features "$FEATURES" \
 && install -D -m 755 target/release/chorus /out/usr/local/bin/chorus \
 && install -d -m 750 -o 65532 -g 65532 /out/data

# --- the runtime image -------------------------------------------------------
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="chorus" \
      org.opencontainers.image.description="A horizontally scaled chat stack: many nodes, one voice." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# Includes /data owned by nonroot, because a new named volume inherits the owner.
COPY --from=build /out/ /
USER 65532:65532
ENV DATABASE_URL=sqlite:///data/chat.db
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=30s --start-interval=1s \
    CMD ["/usr/local/bin/chorus", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/chorus"]
