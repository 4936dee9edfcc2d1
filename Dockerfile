# Tailrace in an image of its own: docker build -t tailrace .
# Every path is relative to the working directory. Pipelines and tailrace.yaml are mounted at /app/project, the log lives in /app/data.
FROM node:24.11.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
COPY connectors connectors
COPY demo demo
# Without the workspace that brings Node.js and PostgreSQL to a clone.
RUN npm ci --workspaces=false --no-audit --no-fund
RUN npm run build
RUN npm prune --omit=dev --workspaces=false --no-audit --no-fund

FROM node:24.11.0-bookworm-slim
WORKDIR /app
COPY --from=build /app/package.json package.json
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/bin bin
# Whoever the container runs as makes the data directory in it.
RUN mkdir data && chmod 1777 data
USER node
ENTRYPOINT ["node", "bin/tailrace.cjs"]
CMD ["run", "project"]
