/** Whether a socket outlives the request that opened it: everywhere but on Cloudflare's Workers. */
export function socketsOutliveRequests(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: string } };
  return navigator?.userAgent !== "Cloudflare-Workers";
}
