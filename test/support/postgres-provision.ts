import { Client } from "pg";
import { GenericContainer, getContainerRuntimeClient, Wait } from "testcontainers";

import { importedBinaries, startEmbeddedPostgres } from "./postgres-embedded.ts";

/** A running server for tests. */
export interface PostgresServer {
  /** The URL of a superuser's connection. */
  readonly url: string;
  /** Where it comes from, in words. */
  readonly origin: string;
  stop(): Promise<void>;
}

const IMAGE = "postgres:18";
const PASSWORD = "pqrun";

/**
 * The PostgreSQL of DATABASE_URL; else a container, where an engine answers;
 * else binaries from npm. `version` is the server's own word.
 */
export async function provisionPostgres(): Promise<PostgresServer & { readonly version: string }> {
  const server = givenServer() ?? (await startContainer()) ?? (await startEmbedded());
  try {
    return { ...server, version: await serverVersion(server.url) };
  } catch (error) {
    await server.stop();
    throw new Error(`PostgreSQL does not answer (${server.origin})`, { cause: error });
  }
}

function givenServer(): PostgresServer | undefined {
  const url = process.env["DATABASE_URL"];
  return url ? { url, origin: "from DATABASE_URL", stop: () => Promise.resolve() } : undefined;
}

async function startContainer(): Promise<PostgresServer | undefined> {
  try {
    await getContainerRuntimeClient();
  } catch {
    return undefined; // No engine answers; a docker binary alone proves nothing.
  }
  try {
    const container = await new GenericContainer(IMAGE)
      .withEnvironment({ POSTGRES_PASSWORD: PASSWORD, PGDATA: "/pqrun/data" })
      .withTmpFs({ "/pqrun": "rw" })
      .withCommand(["-c", "fsync=off", "-c", "max_connections=200"])
      .withExposedPorts(5432)
      // The image starts the server twice: first for its own set-up, without TCP.
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start();
    const url = `postgres://postgres:${PASSWORD}@${container.getHost()}:${String(container.getMappedPort(5432))}/postgres`;
    return {
      url,
      origin: `container ${IMAGE}`,
      stop: async () => {
        await container.stop();
      },
    };
  } catch (error) {
    // An engine without a way to the image: the embedded binaries still serve.
    console.warn(`no container of ${IMAGE}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function startEmbedded(): Promise<PostgresServer> {
  const server = await startEmbeddedPostgres(await importedBinaries());
  return { url: server.url, origin: "embedded binaries from npm", stop: () => server.stop() };
}

async function serverVersion(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version ?? "of an unknown version";
  } finally {
    await client.end();
  }
}
