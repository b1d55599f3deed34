// The live page: fetches the figures once a second while somebody looks, and draws them.

const EVERY_MS = 1000;
const LIMIT_MS = 5000;
const SECONDS_FOR_RATE = 5;
const HEIGHT = 40;

const byId = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("zh-CN", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("zh-CN", { maximumFractionDigits: 1 });

const number = (value, format = whole) => (value === null ? "–" : format.format(value));

function age(seconds) {
  if (seconds < 120) return `${whole.format(seconds)} 秒`;
  if (seconds < 7200) return `${whole.format(seconds / 60)} 分钟`;
  return `${whole.format(seconds / 3600)} 小时`;
}

function drawBooks(live) {
  const balanced = live.books_in_balance;
  const state = balanced === null ? "unknown" : balanced ? "good" : "bad";
  const words = { unknown: "尚未核对", good: "借贷平衡", bad: "账目有误" };
  byId("books").dataset.state = state;
  byId("balance").textContent = words[state];
  byId("checked").textContent =
    balanced === null ? "not checked yet" : `${age(live.books_checked_s_ago)}前核对`;
}

function drawRate(series) {
  const latest = series.slice(-SECONDS_FOR_RATE);
  const sum = latest.reduce((total, each) => total + each, 0);
  byId("rate").textContent = number(latest.length ? sum / latest.length : null, short);
  const peak = Math.max(1, ...series);
  const offset = 120 - series.length;
  const points = series.map((each, second) => {
    const y = HEIGHT - (each / peak) * (HEIGHT - 2) - 1;
    return `${offset + second},${y.toFixed(2)}`;
  });
  byId("line").setAttribute("points", points.join(" "));
  byId("area").setAttribute("points", `${offset},${HEIGHT} ${points.join(" ")} 119,${HEIGHT}`);
  byId("peak").textContent = `最高 peak ${whole.format(Math.max(0, ...series))}`;
}

function draw(live) {
  document.title = `${live.campus} · 校园一卡通`;
  byId("campus").textContent = live.campus;
  byId("link").textContent = live.is_stopping
    ? "正在停止 stopping"
    : `已运行 up ${age(live.running_s)}`;
  byId("link").classList.remove("lost");
  drawBooks(live);
  drawRate(live.purchases);
  byId("p50").textContent = number(live.p50_ms, short);
  byId("p99").textContent = number(live.p99_ms, short);
  byId("terminals").textContent = number(live.terminals);
  byId("waiting").textContent = number(live.waiting);
  byId("transfers").textContent = number(live.transfers);
  byId("unsealed").textContent =
    live.unsealed === null ? "" : `${number(live.unsealed)} 批待封存 batches to seal`;
  byId("head").textContent = live.head_position === null ? "–" : `#${number(live.head_position)}`;
  byId("head-age").textContent =
    live.head_age_s === null ? "尚未签名 not signed yet" : `${age(live.head_age_s)}前签名`;
}

function drawLost() {
  byId("link").textContent = "连接中断 no answer";
  byId("link").classList.add("lost");
}

async function look() {
  try {
    const answer = await fetch("/live.json", { signal: AbortSignal.timeout(LIMIT_MS) });
    if (!answer.ok) throw new Error(answer.statusText);
    draw(await answer.json());
  } catch {
    drawLost();
  }
}

async function run() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

run();
