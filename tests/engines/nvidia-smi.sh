#!/bin/sh
# Stands in for NVIDIA's nvidia-smi in containers that were given simulated devices: it lists those, numbered from 0 as the
# driver does in a container, and fails as the real one does when a device node is gone. Facts are files of the node.
facts=/run/simulated-gpus

fail() {
  echo "$2"
  exit "$1"
}

state=$(cat $facts/driver/state 2>/dev/null)
case $state in
  '') ;;
  hangs) exec sleep 100000 ;;
  *) fail 255 "$state" ;;
esac

action=summary
only=
format=
while [ $# -gt 0 ]; do
  case $1 in
    -L | --list-gpus) action=list ;;
    --query-gpu=*) action=query fields=${1#*=} ;;
    --format=*) format=,${1#*=}, ;;
    -i | --id) only=$2 && shift ;;
    --id=* | -i=*) only=${1#*=} ;;
    *) fail 2 "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help." ;;
  esac
  shift
done

folders=
for folder in $facts/[0-9]*; do
  [ -d "$folder" ] || fail 6 "No devices were found"
  [ -c "/dev/nvidia${folder##*/}" ] || fail 255 "Failed to initialize NVML: Unknown Error"
  folders="$folders $folder"
done

mib() {
  case $format in *,nounits,*) echo "$1" ;; *) echo "$1 MiB" ;; esac
}

# value FIELD FOLDER INDEX
value() {
  total=$(cat "$2/memory.total") used=$(cat "$2/memory.used")
  case $1 in
    index) echo "$3" ;;
    uuid | gpu_uuid) cat "$2/uuid" ;;
    name | gpu_name) cat "$2/name" ;;
    memory.total) mib "$total" ;;
    memory.used) mib "$used" ;;
    memory.free) mib $((total - used)) ;;
    memory.reserved) mib 0 ;;
    pci.bus_id | gpu_bus_id) echo "00000000:0${2##*/}:00.0" ;;
    mig.mode.current | mig.mode.pending) echo "[N/A]" ;;
    driver_version) echo 580.00.00 ;;
    utilization.gpu) echo 0 ;;
    *) fail 2 "Field \"$1\" is not a valid field to query." ;;
  esac
}

case $action,$format in
  query,*,noheader,*) ;;
  query,*) echo "$fields" | sed 's/,/, /g' ;;
esac

index=0
for folder in $folders; do
  if [ -z "$only" ] || [ "$only" = $index ] || [ "$only" = "$(cat "$folder/uuid")" ]; then
    case $action in
      query)
        row=
        for field in $(echo "$fields" | tr , ' '); do
          cell=$(value "$field" "$folder" $index) || fail 2 "$cell"
          row="$row${row:+, }$cell"
        done
        echo "$row"
        ;;
      *) echo "GPU $index: $(cat "$folder/name") (UUID: $(cat "$folder/uuid"))" ;;
    esac
  fi
  index=$((index + 1))
done
