using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Training;

/// <summary>Files of one process below <c>Data:Path</c>. Where the system can, a file loses its name at once: then nothing of it outlives the process.</summary>
internal sealed class ScratchFiles(string folder, IIds ids) : IScratch
{
    public Stream Open()
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{ids.Next():N}.tmp");
        FileStream file = new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, 64 * 1024, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        if (!OperatingSystem.IsWindows())
        {
            File.Delete(path);
        }

        return file;
    }
}
