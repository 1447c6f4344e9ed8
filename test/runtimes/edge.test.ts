import manifest from "../../package.json" with { type: "json" };
import { registerCell } from "./cell.ts";
import { edgeCell } from "./edge-cell.ts";
import { freshPlace } from "./place.ts";

const title = `Vercel edge VM ${manifest.devDependencies["@edge-runtime/vm"]}`;

registerCell({ title, runtime: "edge-runtime" }, "Neon HTTP", await edgeCell(await freshPlace()));
