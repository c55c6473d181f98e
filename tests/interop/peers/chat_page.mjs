// Two people in the chat, each with a page of headless Chromium: chat_page.mjs <chromium> <url> <screenshot>
//
// Prints "seen <what>" for each thing that it has seen, and then waits for the server to go away.
import { chromium } from 'playwright-core';

const [executablePath, url, screenshot] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

function seen(what) {
  console.log(`seen ${what}`);
}

try {
  const context = await browser.newContext({ viewport: { width: 900, height: 560 } });
  const [ada, bob] = [await context.newPage(), await context.newPage()];
  for (const page of [ada, bob]) {
    page.setDefaultTimeout(60000);
    await page.goto(url);
    await page.waitForSelector('#state.open');
  }
  seen(`state ${await ada.textContent('#state')}`);

  const say = async (page, text) => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
  };
  const read = (page, text) => page.locator('#log li', { hasText: text }).first().waitFor();

  await say(ada, '/name Ada');
  await read(bob, 'guest 1 is now Ada');
  await say(bob, '/name Bob');
  await say(ada, 'Good morning! Größe ≥ 10 €, 𝄞');
  await read(bob, 'Ada: Good morning! Größe ≥ 10 €, 𝄞');
  seen('text');
  await say(bob, 'Here is the picture.');
  await bob.setInputFiles('#file', { name: 'picture', mimeType: 'image/png', buffer: Buffer.alloc(70000, 7) });
  await read(ada, 'Bob sends 70000 octets');
  await read(ada, 'a file of 70000 octets arrived');
  seen('binary');
  await say(ada, '<b>No markup</b>, please.');
  await read(bob, 'Ada: <b>No markup</b>, please.');
  await ada.screenshot({ path: screenshot });

  seen('all');
  await ada.waitForSelector('#state:not(.open)');
  seen(`state ${await ada.textContent('#state')}`);
} finally {
  await browser.close();
}
