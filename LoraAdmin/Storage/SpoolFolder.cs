using System.Text;
using LoraAdmin.Platform.Files;

namespace LoraAdmin.Storage;

/// <summary>
/// The folder's own id, kept in a file in the folder: whoever has the folder has the id, so instances that share it know that they do. The file is also
/// what tells a spool whose disk is away from one that was never used: an unmounted disk leaves an empty folder in its place, and the files on it are
/// not gone (docs/decisions/0010 and 0014).
/// </summary>
/// <param name="folder">Full path of the spool.</param>
/// <param name="note">File outside of the spool that remembers which folder was marked, and its id; null: remembered while the process lives.</param>
internal sealed class SpoolFolder(string folder, string? note)
{
    /// <summary>Begins with a character that no spool name begins with.</summary>
    public const string Marker = ".spool-id";

    private readonly Lock gate = new();
    private readonly string marker = Path.Combine(folder, Marker);
    private string? known;
    private bool noted;

    /// <summary>Why nothing can be said about what lies in the spool; null when it is there, or was never used.</summary>
    /// <exception cref="IOException">Marker or note can't be read.</exception>
    public string? Away()
    {
        lock (gate)
        {
            if (File.Exists(marker))
            {
                return known is null || ReadMarker() is not { } present || present == known
                    ? null
                    : $"Another disk is mounted at {folder}: its {Marker} names {present}, and this portal began with {known}. Mount that one again, or start anew to go on with the other.";
            }

            return (known ?? Noted()) is null
                ? null
                : $"The spool's folder {folder} is away: the file {Marker} that was made in it is missing. Mount its disk"
                    + (note is null ? "." : $", or delete {note} and start anew to begin a spool without the files of the old one.");
        }
    }

    /// <summary>The folder's id, as the folder has it, or as it was noted while the folder is away. A folder that was never used gets one now.</summary>
    /// <param name="first">The id of a folder that has none: an older portal knew its disk by the instance's id.</param>
    /// <exception cref="IOException">Marker or note can't be read or written.</exception>
    /// <exception cref="InvalidDataException">The marker does not hold an id.</exception>
    public string ReadId(Lazy<string> first)
    {
        lock (gate)
        {
            if (!File.Exists(marker) && (known ?? Noted()) is { } remembered)
            {
                return remembered;
            }

            if (known is null || !noted)
            {
                known = Checked(Encoding.UTF8.GetString(DurableFiles.ReadOrCreate(marker, () => Encoding.UTF8.GetBytes($"{first.Value}\n"))));
                WriteNote(known);
            }

            return known;
        }
    }

    /// <summary>Null: it went away between two looks.</summary>
    private string? ReadMarker()
    {
        try
        {
            return File.ReadAllText(marker).Trim();
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private string Checked(string text)
    {
        string id = text.Trim();
        return id.Length is > 0 and <= 64 && id.All(character => char.IsAsciiLetterOrDigit(character) || character == '-')
            ? id
            : throw new InvalidDataException(
                $"The file {marker} does not hold the spool's id. Restore it from a backup; or write into it the id that the column spool_id of the "
                + "table spool_files has for the files in this folder.");
    }

    private string? Noted()
    {
        string[] lines = note is not null && File.Exists(note) ? File.ReadAllLines(note) : [];
        return lines is [var path, var id, ..] && path == folder ? id : null;
    }

    private void WriteNote(string id)
    {
        if (note is not null && Noted() != id)
        {
            // Replaces the note of another folder: whoever configures a new spool begins a new one.
            File.Delete(note);
            DurableFiles.ReadOrCreate(note, () => Encoding.UTF8.GetBytes($"{folder}\n{id}\n"));
        }

        noted = true;
    }
}
