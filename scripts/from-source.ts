import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

import { sourceAliases } from "./entries.ts";

/**
 * `node --import ./scripts/from-source.ts …`: examples import `pqrun` as any
 * application does, and get its sources, without a build.
 */
const aliases = sourceAliases();

registerHooks({
  resolve(specifier, context, next) {
    const alias = aliases.find(({ find }) => find.test(specifier));
    return next(alias === undefined ? specifier : pathToFileURL(alias.replacement).href, context);
  },
});
