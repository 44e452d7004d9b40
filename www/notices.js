// The notices at the top of the page: why a session ended, why a sign-in failed.

/** Shows one notice in place of any other. With `signIn`, it offers to sign in again. */
export function showNotice({ title, text, reason, signIn }) {
  const area = document.getElementById('notices');
  const notice = document.getElementById('notice').content.firstElementChild.cloneNode(true);
  const part = (name) => notice.querySelector(`[data-testid="notice-${name}"]`);

  if (reason) notice.dataset.reason = reason;
  part('title').textContent = title;
  part('text').textContent = text;
  if (signIn) part('sign-in').addEventListener('click', signIn);
  else part('sign-in').remove();
  part('dismiss').addEventListener('click', () => {
    clearNotice();
    document.getElementById('main').focus();
  });

  area.replaceChildren(notice);
}

/** Takes the notice away. */
export function clearNotice() {
  document.getElementById('notices').replaceChildren();
}
