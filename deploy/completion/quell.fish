# fish completion for quell(1).

complete -c quell -f
complete -c quell -l help -d 'print help'
complete -c quell -n __fish_use_subcommand -a serve -d 'run the server'
complete -c quell -n __fish_use_subcommand -a demo -d 'run the server with recorded incidents'
complete -c quell -n __fish_use_subcommand -a replay -d 'work a journal or scenario off'
complete -c quell -n __fish_use_subcommand -a check -d 'check a configuration or a provider pack'
complete -c quell -n __fish_use_subcommand -a send -d 'send events to a server'
complete -c quell -n __fish_use_subcommand -a incidents -d 'list incidents'
complete -c quell -n __fish_use_subcommand -a show -d 'show an incident'
complete -c quell -n __fish_use_subcommand -a trace -d 'say why an incident or alert is what it is'
complete -c quell -n __fish_use_subcommand -a ack -d 'acknowledge an incident'
complete -c quell -n __fish_use_subcommand -a resolve -d 'resolve an incident'
complete -c quell -n __fish_use_subcommand -a merge -d 'merge an incident into another one'
complete -c quell -n __fish_use_subcommand -a reopen -d 'open a resolved incident again'
complete -c quell -n __fish_use_subcommand -a note -d 'write a note on an incident'
complete -c quell -n __fish_use_subcommand -a deadletters -d 'list what could not be decoded'
complete -c quell -n __fish_use_subcommand -a version -d 'print the version'

complete -c quell -n '__fish_seen_subcommand_from serve' -l config -r -F -d 'configuration'
complete -c quell -n '__fish_seen_subcommand_from serve demo' -l data -r -F -d 'where data is kept'
complete -c quell -n '__fish_seen_subcommand_from serve demo' -l listen -x -d 'ADDR:PORT'
complete -c quell -n '__fish_seen_subcommand_from demo' -l scenario -x -d 'what to play'
complete -c quell -n '__fish_seen_subcommand_from demo' -l speed -x -d 'how many times faster'
complete -c quell -n '__fish_seen_subcommand_from check' -l pack -r -F -d 'provider pack'
complete -c quell -n '__fish_seen_subcommand_from check' -l sample -r -F -d 'payload'
complete -c quell -n '__fish_seen_subcommand_from replay check send' -F
complete -c quell -n 'not __fish_seen_subcommand_from serve demo check version' -l json -d 'print JSON'
complete -c quell -n 'not __fish_seen_subcommand_from serve demo check replay version' \
  -l server -x -d 'where the server is'
complete -c quell -n 'not __fish_seen_subcommand_from serve demo check replay version' \
  -l token -x -d 'what the server asks for'
