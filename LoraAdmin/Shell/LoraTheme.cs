using MudBlazor;

namespace LoraAdmin.Shell;

/// <summary>
/// Calm surfaces, one blue for what can be pressed. Every text colour has at least 4.5:1 against the surface it stands on, in both modes; the
/// colours of states live in <c>wwwroot/css/app.css</c>.
/// </summary>
public static class LoraTheme
{
    public static readonly MudTheme Theme = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#1f5fbf",
            PrimaryContrastText = "#ffffff",
            Secondary = "#4b5b76",
            Info = "#1f5fbf",
            Success = "#0b6e4f",
            Warning = "#8a5300",
            Error = "#b3261e",
            Background = "#f5f6f8",
            Surface = "#ffffff",
            AppbarBackground = "#ffffff",
            AppbarText = "#1b2330",
            DrawerBackground = "#ffffff",
            DrawerText = "#2b3545",
            DrawerIcon = "#4b5b76",
            TextPrimary = "#1b2330",
            TextSecondary = "#525d6f",
            TextDisabled = "#6b7584",
            ActionDefault = "#4b5b76",
            ActionDisabled = "#6b7584",
            ActionDisabledBackground = "#e6e9ee",
            LinesDefault = "#dfe3ea",
            LinesInputs = "#8b95a5",
            TableLines = "#e6e9ee",
            Divider = "#e6e9ee",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#8ab4f8",
            PrimaryContrastText = "#0e1420",
            Secondary = "#a9b6cc",
            Info = "#8ab4f8",
            Success = "#5fd3a8",
            Warning = "#f2c14e",
            Error = "#ff9d91",
            ErrorContrastText = "#2a0d0a",
            SuccessContrastText = "#06251a",
            WarningContrastText = "#2b2005",
            InfoContrastText = "#0e1420",
            Background = "#10141b",
            Surface = "#181e28",
            AppbarBackground = "#181e28",
            AppbarText = "#e6eaf1",
            DrawerBackground = "#181e28",
            DrawerText = "#cfd6e2",
            DrawerIcon = "#a9b6cc",
            TextPrimary = "#e6eaf1",
            TextSecondary = "#a9b3c3",
            TextDisabled = "#8d97a8",
            ActionDefault = "#a9b6cc",
            ActionDisabled = "#8d97a8",
            ActionDisabledBackground = "#262e3b",
            LinesDefault = "#2b3442",
            LinesInputs = "#6c7889",
            TableLines = "#2b3442",
            Divider = "#2b3442",
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "8px", DrawerWidthLeft = "220px", AppbarHeight = "56px" },
        Typography = new Typography
        {
            Default = new DefaultTypography
            {
                FontFamily = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Helvetica Neue", "Arial", "sans-serif"],
                FontSize = "0.9375rem",
            },
            Button = new ButtonTypography { TextTransform = "none", FontWeight = "600" },
        },
    };
}
