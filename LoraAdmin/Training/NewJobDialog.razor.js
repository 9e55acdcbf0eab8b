// Thumbnails are made by the browser from the files themselves: nothing is sent for them.
const addresses = [];

export function thumbnails(id) {
  const field = document.getElementById(id);
  const made = [...(field?.files ?? [])].map(file => (file.type.startsWith("image/") ? URL.createObjectURL(file) : null));
  addresses.push(...made.filter(address => address !== null));
  return made;
}

export function forget() {
  for (const address of addresses.splice(0)) {
    URL.revokeObjectURL(address);
  }
}
