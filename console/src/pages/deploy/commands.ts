/**
 * The commands that make a host an agent. The token goes through standard input, so that it stands neither in
 * the list of processes nor in a file that stays.
 */
export function commands(token: string): { label: 'enroll' | 'service' | 'try'; text: string }[] {
  return [
    { label: 'enroll', text: `sudo muster-agent enroll --token-file - <<'TOKEN'\n${token}\nTOKEN` },
    { label: 'service', text: 'sudo systemctl enable --now muster-agent' },
    { label: 'try', text: 'sudo muster-agent run' },
  ];
}
