import { isMissing } from "./connect.ts";

/** @throws Error naming all packages that are missing, so that one command installs them. */
export async function requirePackages(
  what: string,
  needed: Readonly<Record<string, () => Promise<unknown>>>,
  instead = "",
): Promise<void> {
  const missing: string[] = [];
  for (const [name, load] of Object.entries(needed)) {
    await load().catch((error: unknown) => {
      if (!isMissing(error, name)) throw error;
      missing.push(name);
    });
  }
  if (missing.length > 0) throw new Error(`${what} needs \`npm install ${missing.join(" ")}\`${instead}`);
}
