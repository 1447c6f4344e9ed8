/** The style of all pages: one column, the system's font, light or dark as the system is. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--link:#0550ae;--bad:#a40e26;--two:#8250df;--box:1px solid var(--line)}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9da7b3;--line:#3d444d;--link:#79b8ff;--bad:#ff9a92;--two:#d2a8ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:0 1rem 3rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
a{color:var(--link)}
.skip:not(:focus){position:absolute;left:-99rem}
header,form.row{display:flex;flex-wrap:wrap;gap:.6rem;align-items:end}
header{justify-content:space-between;border-bottom:var(--box)}
nav a{display:inline-block;padding:.7rem}[aria-current]{font-weight:600}
h1,td,th,dd,pre{overflow-wrap:anywhere;unicode-bidi:isolate}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem}.plots{grid-template-columns:repeat(auto-fit,minmax(17rem,1fr))}
.cards>*,.notice,pre{border:var(--box);border-radius:6px;padding:.6rem .9rem;margin:0}
dd{margin:0}.cards dd{font-size:1.5rem}
svg{width:100%;height:5rem;border-bottom:var(--box)}
path{fill:none;stroke:var(--link);stroke-width:1.5;vector-effect:non-scaling-stroke}path+path{stroke:var(--two);stroke-dasharray:5 3}.second{color:var(--two)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption,th,td{text-align:left;padding:.35rem .6rem .35rem 0}
th,td{border-bottom:var(--box)}
.numbers td,.numbers th+th{text-align:right}
.scroll{overflow-x:auto}
pre{white-space:pre-wrap}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}
label,dt,caption,.dim,.CANCELLED{color:var(--dim)}
input,select,button{font:inherit;color:inherit;background:var(--bg);border:1px solid;border-radius:6px;padding:.25rem .6rem}
.FAILED,.bad{color:var(--bad)}
`.replaceAll("\n", "");
