# bash completion for quell(1).

_quell() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' word
  local commands='serve demo replay check backtest eval send incidents show trace ack resolve merge reopen note
    deadletters findings models version'
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      -*) ;;
      *) command=$word; break ;;
    esac
  done
  case $previous in
    --config | --pack | --sample | --headers | --from | --rule | --svg) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --data) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
    --listen | --url | --speed | --scenario | --token | --match | --text | --limit | --by | --reason | \
      --retry | --source | --content-type | --secret | --status | --since | --step) return ;;
  esac
  local words
  case $command in
    '') words="$commands --help --version" ;;
    serve) words='--config --data --listen --help' ;;
    demo) words='--scenario --speed --listen --once --help' ;;
    replay) words='--config --json --help' ;;
    check) words='--pack --sample --headers --secret --json --help' ;;
    backtest) words='--from --rule --since --step --token --timezone --svg --json --help' ;;
    eval) words='nab kpi smd calibration --timezone --json --help' ;;
    version) words='--json --help' ;;
    incidents) words='--status --match --text --limit --url --token --json --help' ;;
    findings | finding)
      words='--useful --noise --status --entity --metric --limit --url --token --json --help' ;;
    models) words='export import reset --series --tenant --finding --url --token --json --help' ;;
    deadletters) words='--retry --retry-all --limit --url --token --json --help' ;;
    send) words='--source --content-type --url --token --json --help' ;;
    ack | resolve | merge | reopen) words='--by --reason --url --token --json --help' ;;
    note) words='--by --url --token --json --help' ;;
    *) words='--url --token --json --help' ;;
  esac
  case $command:$current in
    replay:[!-]* | check:[!-]* | send:[!-]* | replay: | check: | send:)
      mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    eval:*)
      if [[ $previous == eval || $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
      else
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
      fi ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
  esac
}
complete -o filenames -F _quell quell
