/**
 * Keeps the overview up to date. It writes texts and attributes, and makes no HTML: whatever a type is called stays a
 * text. It stops while nobody sees the page, and where somebody has stopped it.
 */
export const LIVE_SCRIPT = `(()=>{
const find=n=>new Map([...document.querySelectorAll("["+n+"]")].map(e=>[e.getAttribute(n),e])),
texts=find("data-text"),plots=find("data-plot"),labels=find("data-label"),
[button,stale]=["live","stale"].map(n=>document.getElementById(n)),
set=(map,values,write)=>{for(const k in values)map.has(k)?write(map.get(k),values[k]):old()},
old=()=>stale.hidden=false,
look=async()=>{clearTimeout(timer);if(on&&!document.hidden)try{
const answer=await(await fetch(button.getAttribute("data-url"))).json();
set(texts,answer.text,(e,v)=>e.textContent=v);
set(plots,answer.plot,(e,v)=>e.setAttribute("d",v));
set(labels,answer.label,(e,v)=>e.setAttribute("aria-label",v))
}catch{old()}
timer=setTimeout(look,5e3)};
let on=true,timer=setTimeout(look,5e3);
button.hidden=false;
button.onclick=()=>{button.setAttribute("aria-pressed",on);on=!on;look()};
document.onvisibilitychange=look
})()`;
