//! The script of the page.

/// It follows `/events` and writes the figures into the cells that the server has made. If the rows are no longer the
/// same ones, it fetches the page anew: so only the server knows how the page looks. Certificates and blocks, which
/// change seldom, are fetched every ten seconds. Ages are those of the server's clock.
///
/// A browser connects again by itself when a stream breaks, but never when it was answered with an error, as by a proxy
/// that stops or has too many readers. Then the script does, after a longer time with each attempt: a browser may ask
/// its user for the token each time.
pub(super) const SCRIPT: &str = r#"
(()=>{'use strict';
const all=(s,e=document)=>[...e.querySelectorAll(s)],by=i=>document.getElementById(i);
const num=n=>String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g,',');
const sec=s=>s<.01?(s*1e3).toFixed(1)+' ms':s<1?Math.round(s*1e3)+' ms':s<10?s.toFixed(1)+' s':Math.round(s)+' s';
const lat=l=>{if(!l)return'–';const t=[l.p50,l.p95,l.p99].map(x=>sec(x).split(' ')),u=t[2][1];
return t.every(x=>x[1]===u)?t.map(x=>x[0]).join(' / ')+' '+u:t.map(x=>x.join(' ')).join(' / ')};
const age=s=>s<60?Math.max(0,Math.floor(s))+' s':s<3600?Math.floor(s/60)+' min':s<172800?Math.floor(s/3600)+' h':
Math.floor(s/86400)+' days';
const part=(a,b)=>!b?'–':!a?'0 %':a/b<.0005?'< 0.1 %':(a/b*100).toFixed(1)+' %';
const rate=n=>n>=100?num(n):n>=10?n.toFixed(0):n>0?n.toFixed(1):'0';
const put=(e,t)=>{t=(t??'').replace(/[\p{Cc}\p{Cf}]/gu,'\ufffd');if(e&&e.textContent!==t)e.textContent=t};
const kind=s=>({ready:'ok',draining:'mid',unchecked:'new',down:'off'})[s]||'bad';
let skew=Date.now()/1e3-document.body.dataset.now,before=null,loading=false,rows=null;
const clock=()=>Date.now()/1e3-skew;
const here=p=>new URL(p,location.origin+location.pathname).href;
const collect=()=>{rows=all('tr[data-b]').map(r=>({r,u:r.parentNode.dataset.u,b:r.dataset.b,c:r.cells}))};
const redraw=async ids=>{if(loading)return false;loading=true;let done=false;
try{const t=await(await fetch(here('.'),{cache:'no-store'})).text();
const d=new DOMParser().parseFromString(t,'text/html'),on=by('trouble')?.checked,at=document.activeElement;
if(d.body.dataset.now)skew=Date.now()/1e3-d.body.dataset.now;
for(const i of ids){const n=d.querySelector(i),o=document.querySelector(i);if(n&&o){done=true;
if(n.innerHTML!==o.innerHTML)o.replaceWith(n)}}
const box=by('trouble');if(box)box.checked=on;collect();
if(at&&!at.isConnected)(at.id?by(at.id):all('a').find(a=>a.hash&&a.hash===at.hash))?.focus({preventScroll:true})}catch{}
setTimeout(()=>loading=false,1000);return done};
const held=p=>p.until>clock()?'for '+age(p.until-clock())+' more, '+num(p.held)+' held':
'its time is over: requests get 503';
const show=f=>{
if(f.version!==document.body.dataset.version)return location.reload();
if(!rows)collect();
const flat=[];for(const u of f.upstreams)for(const b of u.backends)flat.push([u,b]);
const shape=JSON.stringify([f.upstreams.map(u=>[u.name,!!u.paused,u.maintenance,u.deploying]),f.loaded_at,f.pid,
f.reload&&f.reload.at,f.stopping,f.maintenance]);
if(flat.length!==rows.length||flat.some(([u,b],i)=>rows[i].u!==u.name||rows[i].b!==b.address)||
(known!==null&&known!==shape)){before=null;return redraw(['#who','main']).then(done=>{if(done)known=shape})}
known=shape;
const now=performance.now()/1e3,dt=before?now-before.now:0,per=(a,b)=>dt>.2?rate(Math.max(0,(a-b)/dt)):'…';
const R=f.requests,C=f.connections,P=before&&before.f;
const v={total:num(R.total),rate:P?per(R.total,P.requests.total)+'/s':'…',in_flight:num(R.in_flight),
queued:num(R.queued),
active:num(C.active),accepted:num(C.accepted),handshakes:num(C.handshakes_failed),e4:part(R.status_4xx,R.total),
e5:part(R.status_5xx,R.total),latency:lat(R.latency),tunnels:num(R.tunnels+R.event_streams),
lost:num(f.lost_access_lines),up:age(clock()-f.started_at)};
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
const h=b.check;put(c[10],!h?'–':(h.healthy?'healthy':'unhealthy')+' for '+age(clock()-h.since)+
(!h.healthy&&h.error!=null?': '+h.error:''))});
const heads=all('tr.u');
f.upstreams.forEach((u,i)=>{const h=heads[i];if(!h)return;
put(h.querySelector('.q'),'queue '+num(u.queue));if(u.paused)put(h.querySelector('.p'),held(u.paused));
put(h.querySelector('.n'),Object.entries(counts[u.name]||{}).map(([s,n])=>n+' '+s).join(', ')||'no backends')});
put(by('sum'),trouble?num(trouble)+' of '+num(flat.length)+' not ready':num(flat.length)+' ready');
document.title=(trouble?'('+trouble+') ':'')+'proxy';
before={f,flat,now}};
let known=null,wait=5e3,last=null;
const tell=(on,t)=>{const state=by('live');state.className=on?'on':'off';put(state,t)};
const time=()=>new Date(clock()*1e3).toISOString().slice(11,19)+' UTC';
const follow=()=>{const events=new EventSource(here('events'));
events.onopen=()=>{wait=5e3;last=null;document.body.classList.add('live');tell(true,'live')};
events.onerror=()=>{before=null;last??=time();
if(events.readyState!==2)return tell(false,'no connection to the proxy since '+last+', trying again');
tell(false,'the proxy refuses to be followed since '+last+', trying again');setTimeout(follow,wait);
wait=Math.min(wait*2,6e4)};
events.addEventListener('figures',e=>{
try{show(JSON.parse(e.data))}catch(x){tell(false,'cannot read the figures: '+x)}})};
follow();
setInterval(()=>{if(by('more')?.firstChild&&before&&!document.hidden)redraw(['#more'])},1e4);
})();
"#;
