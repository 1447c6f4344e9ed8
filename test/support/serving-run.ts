// A run with a server of its own, for a test that kills it.
import { importedBinaries, startEmbeddedPostgres } from "./postgres-embedded.ts";

const server = await startEmbeddedPostgres(await importedBinaries());
console.log(server.url);
setInterval(() => undefined, 60_000);
