# Kills what a processor service has started once the service is gone, even by kill -9, to which nothing in the service
# can react. A shell needs 1 MiB, a JavaScript runtime 25.
#
# stdin: "+ <group>" and "- <group>", a line each, for each process group that begins and ends. The service is gone when
# stdin ends. $1 is in the environment of all processes that it has started, so that those that left their group are
# found, and those that the service could not report any more. Outside of Linux there is no /proc to find them in.
# $2 is the folder of their files; it is deleted when they are dead.
groups=
while read -r sign group; do
  case $sign in
    +) groups="$groups $group" ;;
    -)
      kept=
      for one in $groups; do [ "$one" = "$group" ] || kept="$kept $one"; done
      groups=$kept
      ;;
  esac
done
for group in $groups; do kill -9 "-$group"; done
# Until three searches have found nothing: a process that is just being replaced by exec shows no environment.
calm=0
while [ "$calm" -lt 3 ]; do
  calm=$((calm + 1))
  for environ in $(grep -slF "$1" /proc/[0-9]*/environ); do
    calm=0
    process=${environ#/proc/}
    kill -9 "${process%/environ}"
  done
  sleep 0.1
done
rm -rf -- "$2"
