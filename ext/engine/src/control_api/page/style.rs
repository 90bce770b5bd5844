//! The style sheet of the page.

/// Colours come from variables, so that light and dark differ in them alone. On a narrow screen each row of the table
/// is a block of its own.
pub(super) const STYLE: &str = r#"
:root{--bg:#f6f7f9;--card:#fff;--text:#1b1f24;--dim:#57606a;--line:#d8dee4;--head:#eef1f4;--link:#0550ae;
--ok:#116329;--ok-bg:#d2f4d9;--mid:#7a4a00;--mid-bg:#ffecc2;--bad:#a40e26;--bad-bg:#ffdcdf;--off:#4b535c;
--off-bg:#e3e7eb;--new:#0a4a8f;--new-bg:#d6e9ff}
@media(prefers-color-scheme:dark){:root{--bg:#0e1116;--card:#161b22;--text:#e6edf3;--dim:#9aa4af;--line:#2d343d;
--head:#1d232b;--link:#79b8ff;--ok:#7ee29a;--ok-bg:#12361f;--mid:#f2c46d;--mid-bg:#3d2d08;--bad:#ff9ba4;
--bad-bg:#4b161d;--off:#b3bcc6;--off-bg:#2c333b;--new:#9ccbff;--new-bg:#14304f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--text);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums;padding:14px 16px 40px;max-width:1720px;margin-inline:auto}
a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
h1{font-size:20px;margin:0}h2{font-size:15px;margin:26px 0 8px}
small,.dim{color:var(--dim);font-weight:400}
header{display:flex;flex-wrap:wrap;gap:2px 18px;align-items:baseline}
#who{display:contents}
header p{margin:0;overflow-wrap:anywhere}
#live{margin-left:auto;color:var(--dim)}
#live.on::before,#live.off::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;
margin-right:6px;background:var(--ok)}#live.off::before{background:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(146px,1fr));gap:8px;margin:14px 0;padding:0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:8px 11px;min-width:0}
.tiles dt{color:var(--dim);font-size:12px}.tiles dd{margin:0;font-size:18px;font-weight:600;white-space:nowrap}
.tiles .wide{grid-column:span 2}
.note{border-left:4px solid var(--mid);background:var(--mid-bg);padding:8px 12px;border-radius:0 6px 6px 0;margin:8px 0;
overflow-wrap:anywhere}.note.bad{border-color:var(--bad);background:var(--bad-bg)}
.note ul{margin:4px 0 0;padding-left:18px}
.bar,nav{display:flex;flex-wrap:wrap;gap:6px;align-items:center}
.bar{margin:0 0 8px}#sum{margin:0 0 0 auto;padding-left:8px}
.bar a,.bar label{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2px 10px;
overflow-wrap:anywhere}
.bar label{color:var(--dim);cursor:pointer}
.s{display:inline-block;border-radius:10px;padding:0 8px;font-size:12px;font-weight:600;line-height:20px;
white-space:nowrap;color:var(--off);background:var(--off-bg)}
.s.ok{color:var(--ok);background:var(--ok-bg)}.s.mid{color:var(--mid);background:var(--mid-bg)}
.s.bad{color:var(--bad);background:var(--bad-bg)}.s.new{color:var(--new);background:var(--new-bg)}
.box{background:var(--card);border:1px solid var(--line);border-radius:8px}
@media(max-width:1200px){.box{overflow-x:auto}}
table{border-collapse:collapse;width:100%}
th,td{padding:3px 10px;text-align:right;border-top:1px solid var(--line);vertical-align:baseline;white-space:nowrap}
thead th{border-top:0;color:var(--dim);font-size:12px;font-weight:600;background:var(--head);position:sticky;top:0}
th:first-child,.t,.b td:nth-child(2),.b td:nth-child(11){text-align:left}
tr.u th{background:var(--head);padding-block:6px;scroll-margin-top:30px;white-space:normal;overflow-wrap:anywhere}
tr.u th>*{margin-right:6px}
th[scope=row]{font-weight:400;overflow-wrap:anywhere;white-space:normal;min-width:11em}
td.w,.b td:nth-child(11){white-space:normal;min-width:8em;max-width:420px;overflow-wrap:anywhere;text-align:left}
body:not(.live) .b :is(td,th):nth-child(7){display:none}
tr:target th,tbody:target th{box-shadow:inset 3px 0 var(--link)}
tbody tr:not(.u):hover>*{background:var(--head)}
tr.flash td{animation:flash 1.6s}
@keyframes flash{from{background:var(--new-bg)}}
@media(prefers-reduced-motion:reduce){tr.flash td{animation:none}}
body:has(#trouble:checked) :is(tr.r-ok,tbody:has(.r-ok):not(:has(.u .s,tr:not(.u,.r-ok)))){display:none}
.js{display:none}.live .js{display:revert}
footer{margin-top:26px;color:var(--dim)}footer a{margin-right:14px}
@media(max-width:1100px){body{font-size:13px}
.b :is(th,td){padding-inline:5px}.b :is(td,th[scope=col]):is(:nth-child(5),:nth-child(9)){display:none}}
@media(max-width:760px){
body{padding:10px 10px 30px}
.tiles{grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:6px}.tiles div{padding:6px 8px}
.tiles dd{font-size:15px}
#live{margin-left:0}
.flow thead{display:none}
.flow table,.flow tbody{display:block}
.flow tr{display:flex;flex-wrap:wrap;gap:0 12px;padding:6px 10px;border-top:1px solid var(--line)}
.flow tbody:first-of-type tr:first-child{border-top:0}
.flow tr.u{background:var(--head)}
.flow th,.flow td{border:0;padding:0;background:none;text-align:left;position:static;white-space:normal}
.flow tr.u th{flex:1 1 100%}
.flow th[scope=row]{flex:1 1 64%;font-weight:600;min-width:0}
.flow td[data-l]::before{content:attr(data-l) " ";color:var(--dim);font-size:12px}
.flow td.w,.flow.flow td:nth-child(11){flex:1 1 100%;max-width:none}
.b td:nth-child(3){display:none}
.b td:nth-child(4)::before{content:"in flight "}.b td:nth-child(6)::before{content:"requests "}
.b td:nth-child(7)::before{content:"req/s "}.b td:nth-child(8)::before{content:"failed "}
.b td:nth-child(10)::before{content:"p50 / p95 / p99 "}.b td:nth-child(11)::before{content:"check "}
.b td::before{color:var(--dim);font-size:12px}}
"#;
