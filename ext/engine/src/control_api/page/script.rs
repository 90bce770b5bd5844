//! The script of the page.

/// It follows `/events` and writes the figures into the cells that the server has made. If the rows are no longer the
/// same ones, it fetches the page anew: so only the server knows how the page looks.
pub(super) const SCRIPT: &str = r#"
(()=>{'use strict';
const all=(s,e=document)=>[...e.querySelectorAll(s)];
const num=n=>String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g,',');
const sec=s=>s<.01?(s*1e3).toFixed(1)+' ms':s<1?Math.round(s*1e3)+' ms':s<10?s.toFixed(1)+' s':Math.round(s)+' s';
const lat=l=>l?[l.p50,l.p95,l.p99].map(sec).join(' / '):'–';
const age=s=>s<60?Math.max(0,Math.floor(s))+' s':s<3600?Math.floor(s/60)+' min':s<172800?Math.floor(s/3600)+' h':
Math.floor(s/86400)+' days';
const part=(a,b)=>!b?'–':!a?'0 %':a/b<.0005?'< 0.1 %':(a/b*100).toFixed(1)+' %';
const rate=n=>n>=100?num(n):n>=10?n.toFixed(0):n>0?n.toFixed(1):'0';
const put=(e,t)=>{if(e&&e.textContent!==t)e.textContent=t};
const kind=s=>({ready:'ok',draining:'mid',unchecked:'new',down:'off'})[s]||'bad';
let before=null,loading=false,rows=null;
const here=p=>new URL(p,location.origin+location.pathname).href;
const collect=()=>{rows=all('tr[data-b]').map(r=>({r,u:r.parentNode.dataset.u,b:r.dataset.b,c:r.cells}))};
const reload=async()=>{if(loading)return;loading=true;
try{const t=await(await fetch(here('.'),{cache:'no-store'})).text();
const d=new DOMParser().parseFromString(t,'text/html');const on=document.getElementById('trouble')?.checked;
const m=d.querySelector('main');if(m){document.querySelector('main').replaceWith(m);
const box=document.getElementById('trouble');if(box)box.checked=on;collect();before=null}}catch{}
setTimeout(()=>loading=false,1000)};
const show=f=>{
if(!rows)collect();
const flat=[];for(const u of f.upstreams)for(const b of u.backends)flat.push([u,b]);
const shape=f.upstreams.map(u=>u.name+(u.paused?'p':'')+(u.maintenance?'m':'')).join('\n')+'|'+f.loaded_at+'|'+
(f.reload?f.reload.at:'')+f.stopping;
if(flat.length!==rows.length||flat.some(([u,b],i)=>rows[i].u!==u.name||rows[i].b!==b.address)||
(before&&before.shape!==shape))return reload(),before&&(before.shape=shape);
const now=performance.now()/1e3,dt=before?now-before.now:0,per=(a,b)=>dt>.2?rate(Math.max(0,(a-b)/dt)):'…';
const R=f.requests,C=f.connections,P=before&&before.f;
const v={total:num(R.total),rate:P?per(R.total,P.requests.total)+'/s':'…',in_flight:num(R.in_flight),
queued:num(R.queued),
active:num(C.active),accepted:num(C.accepted),handshakes:num(C.handshakes_failed),e4:part(R.status_4xx,R.total),
e5:part(R.status_5xx,R.total),latency:lat(R.latency),tunnels:num(R.tunnels+R.event_streams),
up:age(Date.now()/1e3-f.started_at)};
for(const e of all('[data-v]'))put(e,v[e.dataset.v]);
let trouble=0;const counts={};
flat.forEach(([u,b],i)=>{const{r,c}=rows[i],s=c[1].firstElementChild,k=kind(b.state);
if(k!=='ok')trouble++;counts[u.name]??={};counts[u.name][b.state]=(counts[u.name][b.state]||0)+1;
if(s.textContent!==b.state){s.textContent=b.state;s.className='s '+k;r.className='r-'+k+' flash';
setTimeout(()=>r.classList.remove('flash'),1700)}
put(c[2],num(b.weight));put(c[3],num(b.in_flight)+(b.max_connections!=null?' / '+num(b.max_connections):''));
put(c[4],num(b.tunnels));put(c[5],num(b.requests));
put(c[6],before?per(b.requests,before.flat[i][1].requests):'…');
put(c[7],num(b.failures));put(c[8],part(b.failures,b.requests));put(c[9],lat(b.latency));
const k2=b.check;put(c[10],k2?(k2.healthy?'healthy':k2.error||'unhealthy')+' for '+age(Date.now()/1e3-k2.since):'–')});
f.upstreams.forEach((u,i)=>{const h=all('tr.u')[i];if(!h)return;
put(h.querySelector('.q'),'queue '+num(u.queue));
put(h.querySelector('.n'),Object.entries(counts[u.name]||{}).map(([s,n])=>n+' '+s).join(', '))});
document.title=(trouble?'('+trouble+') ':'')+'proxy';
before={f,flat,now,shape}};
const state=document.getElementById('live'),events=new EventSource(here('events'));
const tell=(on,t)=>{state.className=on?'on':'off';put(state,t)};
events.onopen=()=>{document.body.classList.add('live');tell(true,'live')};
events.onerror=()=>{before=null;tell(false,'no connection to the proxy, trying again')};
events.addEventListener('figures',e=>{
try{show(JSON.parse(e.data))}catch(x){tell(false,'cannot read the figures: '+x)}});
})();
"#;
