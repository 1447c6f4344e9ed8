import manifest from "../../package.json" with { type: "json" };
import { registerBudgets } from "./budgets.ts";
import { registerCell } from "./cell.ts";
import { edgeCell } from "./edge-cell.ts";
import { freshPlace } from "./place.ts";

const title = `Vercel edge VM ${manifest.devDependencies["@edge-runtime/vm"]}`;

const row = { title, runtime: "edge-runtime" } as const;
const cell = await edgeCell(await freshPlace());

registerCell(row, "Neon HTTP", cell);
registerBudgets(row, "Neon HTTP", cell);
