using Microsoft.Playwright;
using Xunit;

namespace LoraAdmin.Tests.EndToEnd.Pages;

/// <summary>Fields of a dialog that has just been opened.</summary>
internal static class DialogFields
{
    private const int Tries = 5;

    /// <summary>
    /// Fills each, and again while one has something else: a dialog puts the focus into its first field after it is drawn, and what is being filled into another
    /// one at that instant lands there.
    /// </summary>
    public static async Task FillAsync(params (ILocator Field, string Text)[] all)
    {
        for (int tries = 1; tries <= Tries; tries++)
        {
            bool held = true;
            foreach ((ILocator field, string text) in all)
            {
                if (await field.InputValueAsync() != text)
                {
                    held = false;
                    await field.FillAsync(text);
                }
            }

            if (held)
            {
                return;
            }
        }

        Assert.Fail($"The fields did not keep what was filled into them: {string.Join(", ", all.Select(static one => one.Text))}");
    }
}
